import { globSync, lstatSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { TypedPath } from "shared/cli/media-type";
import { ToolError } from "shared/cli/tool-error";
import type { FailureReport } from "shared/fs/read-access";
import { MAX_OUTPUTS } from "shared/pod/markers";
import { fixedFolder, mayBePattern } from "./pattern.ts";
import { nameIsNotText, reportUnreadableFolders } from "./unreadable-folders.ts";

/** An output from the command line, and the paths that it resolves to. */
export interface ResolvedOutput {
  readonly output: TypedPath;
  /** The sorted paths. The list is empty if a pattern matches nothing. */
  readonly paths: readonly string[];
  /**
   * If this field is set, the launcher saves all paths together in one new folder. The value is the original folder
   * that contains all paths. The new folder gets the name of the original folder.
   */
  readonly folder?: string;
}

/**
 * The maximum total length of the matches of all patterns, in bytes. This maximum exists because the size of a marker
 * is limited. If the matches of a pattern raise the total above the maximum, the launcher saves these matches as one
 * folder.
 */
const MAX_PATH_BYTES = 128 << 10;

/**
 * Resolves outputs to paths. If a file or folder has exactly the name of an output, this output is a path, even if the
 * name contains pattern characters. Any other output with `*`, `?`, `[a-z]`, `{a,b}` or `**` is a pattern. A name with
 * a leading dot matches only if the pattern contains the dot. Each path is listed once. The matches of all patterns are
 * counted together. If the matches of a pattern raise this count above {@link MAX_OUTPUTS}, the launcher saves these
 * matches together as one folder. Each later pattern also gets one folder for all its matches.
 *
 * Reports `copyFailed` for a path if an earlier path has the same name, or if `taken` contains this name. An artifact
 * can contain each name only once. Reports `noInput` if the name of a match is not UTF-8, because a title in an
 * artifact is text. Also reports `noInput` for each unreadable folder that a pattern has to search.
 */
export function resolveOutputs(
  outputs: readonly TypedPath[],
  taken: readonly string[],
  report: FailureReport,
): ResolvedOutput[] {
  const resolver = new Resolver(taken, report);
  return outputs.flatMap((output) => resolver.resolve(output) ?? []);
}

class Resolver {
  readonly #byName: Map<string, string>;
  readonly #seen = new Set<string>();
  readonly #report: FailureReport;
  #paths = 0;
  #bytes = 0;

  constructor(taken: readonly string[], report: FailureReport) {
    this.#byName = new Map(taken.map((name) => [name, `the log ${name}`]));
    this.#report = report;
  }

  /** Finds the paths to save. Returns undefined if each path of the output is already listed, or cannot be saved. */
  resolve(output: TypedPath): ResolvedOutput | undefined {
    const { path: text } = output;
    let failed = false;
    const report: FailureReport = (path, failure) => {
      failed = true;
      this.#report(path, failure);
    };
    const pattern = mayBePattern(text) && !exists(text);
    const found = pattern ? matches(text, report) : [text];
    const fresh = found.filter((path) => !this.#seen.has(resolve(path)));
    for (const path of fresh) this.#seen.add(resolve(path));
    if (pattern && !this.#fits(fresh)) return this.#together(output, fresh, report);
    const paths = fresh.filter((path) => this.#claim(basename(resolve(path)), path, report));
    return (found.length > 0 || failed) && paths.length === 0 ? undefined : { output, paths };
  }

  #fits(paths: readonly string[]): boolean {
    this.#paths += paths.length;
    this.#bytes += paths.reduce((sum, path) => sum + Buffer.byteLength(path), 0);
    return this.#paths <= MAX_OUTPUTS && this.#bytes <= MAX_PATH_BYTES;
  }

  #together(output: TypedPath, paths: readonly string[], report: FailureReport): ResolvedOutput | undefined {
    const folder = fixedFolder(output.path);
    return this.#claim(basename(folder), output.path, report) ? { output, paths, folder } : undefined;
  }

  #claim(name: string, path: string, report: FailureReport): boolean {
    const other = this.#byName.get(name);
    if (other === undefined) this.#byName.set(name, path);
    else {
      const why = `${other}, ${path}`;
      report(path, new ToolError("copyFailed", `two outputs are named ${JSON.stringify(name)}`, { why }));
    }
    return other === undefined;
  }
}

function matches(output: string, report: FailureReport): string[] {
  const paths = globSync(output).sort();
  reportUnreadableFolders(output, report);
  // Node replaces invalid UTF-8 with U+FFFD, and the changed path does not exist. Without this check, the file would be
  // skipped without a message.
  return paths.filter((path) => {
    const text = !path.includes("\ufffd") || exists(path);
    if (!text) report(path, nameIsNotText(path));
    return text;
  });
}

/** Whether a path exists. Returns false if the path cannot be examined, for example because its name is too long. */
function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
