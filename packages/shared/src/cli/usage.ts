import type { FailureCode } from "./exit-codes.ts";
import type { OptionSpecs } from "./option-specs.ts";
import { ToolError } from "./tool-error.ts";

/** A command line to learn from. */
export interface Example {
  /** What the command line does, as a sentence without its last period. */
  readonly text: string;
  /** The command line, as a shell reads it. */
  readonly command: string;
}

/** A short section of a help text. */
export interface Note {
  readonly title: string;
  readonly text: string;
}

/** How to call a command. Help texts, man pages, shell completion and docs/commands.md are made from it. */
export interface Usage<S extends OptionSpecs> {
  /** The command as the user types it, such as `oras-push pull`. */
  readonly name: string;
  /** What the command does, in a phrase without a period. */
  readonly summary: string;
  /** What the command does, in a paragraph. */
  readonly description: string;
  /** The forms of the arguments, without the name. The most common one comes first. */
  readonly forms: readonly string[];
  readonly options: S;
  /** The options in groups, by the titles of the groups. The common options follow, with all options that are in no group. */
  readonly groups?: Readonly<Record<string, OptionSpecs>>;
  /** The commands below this one. */
  readonly commands?: readonly Usage<OptionSpecs>[];
  /** Whether options end at the first argument, as for `env` and `nice`: the rest belongs to another command. */
  readonly wrapsCommand?: boolean;
  /** Whether arguments can be paths, so that shells complete them; false by default. */
  readonly takesPaths?: boolean;
  readonly examples: readonly Example[];
  readonly notes: readonly Note[];
  /** Sentences about environment variables that stand for no option. */
  readonly environment?: string;
  /** The failures of this command, beside `usage` and `software`, which every command has. */
  readonly exitCodes: readonly FailureCode[];
  /** The meaning of exit codes, if this command can say more than the table of all exit codes. */
  readonly exitMeanings?: Readonly<Partial<Record<FailureCode | "success", string>>>;
  /** A sentence above the exit codes. */
  readonly exitNote?: string;
}

/** A usage failure (exit code 64) that also shows the valid forms. */
export function usageError(usage: Pick<Usage<OptionSpecs>, "name" | "forms">, message: string): ToolError {
  const forms = usage.forms.map((form) => `${usage.name} ${form}`);
  return new ToolError("usage", message, { why: `usage: ${forms.join(" or ")}` });
}
