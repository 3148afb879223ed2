import { globSync, lstatSync } from "node:fs";
import { basename, resolve } from "node:path";
import { ToolError } from "shared/cli/tool-error";

/** An output of the command line, and its paths. */
export interface ResolvedOutput {
  readonly output: string;
  /** In the order of their names; empty if a pattern matches nothing. */
  readonly paths: readonly string[];
}

/** Whether an output may be a pattern. An output without any of these characters is always a path. */
export function mayBePattern(output: string): boolean {
  return /[*?[{]/.test(output);
}

/**
 * Resolves outputs to paths. An existing path stands for itself, whatever characters it has. Any other output is a pattern:
 * `*`, `?`, `[a-z]`, `{a,b}`, `**`. A pattern matches a leading dot only if it contains the dot. Each path is listed once.
 *
 * Throws `copyFailed` with both paths if two paths have the same name, or if a path has a `taken` name: the artifact can
 * contain only one of them. Throws `noInput` if the name of a match is not UTF-8: a title in an artifact is text.
 */
export function resolveOutputs(outputs: readonly string[], taken: readonly string[]): ResolvedOutput[] {
  const byName = new Map(taken.map((name) => [name, `the log ${name}`]));
  const seen = new Set<string>();
  const isNew = (path: string) => {
    const full = resolve(path);
    if (seen.has(full)) return false;
    seen.add(full);
    claimName(byName, basename(full), path);
    return true;
  };
  return outputs.flatMap((output) => {
    const found = matches(output);
    const paths = found.filter(isNew);
    return found.length > 0 && paths.length === 0 ? [] : [{ output, paths }];
  });
}

function claimName(byName: Map<string, string>, name: string, path: string): void {
  const other = byName.get(name);
  if (other !== undefined)
    throw new ToolError("copyFailed", `two outputs are named ${JSON.stringify(name)}`, { why: `${other}, ${path}` });
  byName.set(name, path);
}

function matches(output: string): string[] {
  if (!mayBePattern(output) || exists(output)) return [output];
  const paths = globSync(output).sort();
  // Node replaces invalid UTF-8 by U+FFFD. The changed path does not exist, and its file would be skipped without a message.
  const changed = paths.find((path) => path.includes("\ufffd") && !exists(path));
  if (changed !== undefined)
    throw new ToolError("noInput", `cannot read ${changed}`, { why: "its name is not UTF-8 text" });
  return paths;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
