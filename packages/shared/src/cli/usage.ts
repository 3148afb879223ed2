import { resolve } from "node:path";
import type { FailureCode } from "./exit-codes.ts";
import type { OptionSpecs } from "./option-specs.ts";
import { ToolError } from "./tool-error.ts";

/** An example of a command line. */
export interface Example {
  /** What the command line does, in a sentence without a period. */
  readonly text: string;
  /** The command line, as a shell reads it. */
  readonly command: string;
}

/** A short section of a help text. */
export interface Note {
  readonly title: string;
  readonly text: string;
}

/** Describes a command. Help texts, man pages, shell completion and docs/commands.md are made from this object. */
export interface Usage<S extends OptionSpecs> {
  /** The command as the user types it, such as `oras-push pull`. */
  readonly name: string;
  /** What the command does, in a phrase without a period. */
  readonly summary: string;
  /** What the command does, in a paragraph. */
  readonly description: string;
  /** The forms of the arguments, without the name of the command. The most common form comes first. */
  readonly forms: readonly string[];
  readonly options: S;
  /**
   * The groups of options. Each key is the title of a group. In help texts, one more group comes after these groups.
   * This last group contains all other options and the common options.
   */
  readonly groups?: Readonly<Record<string, OptionSpecs>>;
  /** The subcommands of this command. */
  readonly commands?: readonly Usage<OptionSpecs>[];
  /**
   * If true, the first argument is the name of another command, as in the command lines of `env` and `nice`. All later
   * words belong to this other command.
   */
  readonly wrapsCommand?: boolean;
  /** If true, arguments can be paths, and shells complete these paths. The default is false. */
  readonly takesPaths?: boolean;
  readonly examples: readonly Example[];
  readonly notes: readonly Note[];
  /** Sentences about other environment variables that the command reads. These variables do not set options. */
  readonly environment?: string;
  /** The exit codes of this command, by their names. Every command also has the exit codes `usage` and `software`. */
  readonly exitCodes: readonly FailureCode[];
  /** Meanings of exit codes for this command. These meanings replace the meanings in `EXIT_CODES`. */
  readonly exitMeanings?: Readonly<Partial<Record<FailureCode | "success", string>>>;
  /** A sentence above the exit codes. */
  readonly exitNote?: string;
}

/**
 * Creates a usage failure (exit code 64). The failure contains `message`, the valid forms of the command line, and
 * `hint` if it is given.
 */
export function usageError(
  usage: Pick<Usage<OptionSpecs>, "name" | "forms">,
  message: string,
  hint?: string,
): ToolError {
  const forms = usage.forms.map((form) => `${usage.name} ${form}`);
  const why = `usage: ${forms.join(" or ")}`;
  return new ToolError("usage", message, hint === undefined ? { why } : { why, hint });
}

/**
 * Converts a path to an absolute path. Throws a usage failure for a relative path if the working directory was deleted.
 */
export function absolutePath(usage: Pick<Usage<OptionSpecs>, "name" | "forms">, path: string): string {
  try {
    return resolve(path);
  } catch {
    const hint = "use absolute paths, or start in a directory that exists";
    throw usageError(usage, `${JSON.stringify(path)} is relative, and the working directory does not exist`, hint);
  }
}
