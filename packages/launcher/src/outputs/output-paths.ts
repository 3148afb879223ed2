import { globSync, lstatSync } from "node:fs";
import { basename, resolve } from "node:path";
import { ToolError } from "shared/cli/tool-error";

/** An output as it was asked for, and the paths that it stands for. */
export interface OutputPaths {
  readonly output: string;
  /** In the order of their names; empty for a pattern that matches nothing. */
  readonly paths: readonly string[];
}

/** Whether an output may be a pattern: one without any of these characters is a path and nothing else. */
export function mayBePattern(output: string): boolean {
  return /[*?[{]/.test(output);
}

/**
 * What outputs stand for: a path that is there stands for itself, whatever characters it has, and any other for what it
 * matches as a pattern (`*`, `?`, `[a-z]`, `{a,b}`, `**`); names with a leading dot only where the pattern has the dot.
 * No path is listed twice. Throws `copyFailed`, naming both, for two paths with the same name, or one with a name that is
 * `taken`: in the artifact they would be one.
 * Throws `noInput` for a match whose name is not UTF-8, which an artifact has no title for.
 */
export function outputPaths(outputs: readonly string[], taken: readonly string[]): OutputPaths[] {
  const byName = new Map(taken.map((name) => [name, `the log ${name}`]));
  const seen = new Set<string>();
  const fresh = (path: string) => {
    const full = resolve(path);
    if (seen.has(full)) return false;
    seen.add(full);
    const name = basename(full);
    const other = byName.get(name);
    if (other !== undefined)
      throw new ToolError("copyFailed", `two outputs are named ${JSON.stringify(name)}`, { why: `${other}, ${path}` });
    byName.set(name, path);
    return true;
  };
  return outputs.flatMap((output) => {
    const found = matches(output);
    const paths = found.filter(fresh);
    return found.length > 0 && paths.length === 0 ? [] : [{ output, paths }];
  });
}

function matches(output: string): string[] {
  if (!mayBePattern(output) || lstatSync(output, { throwIfNoEntry: false }) !== undefined) return [output];
  const paths = globSync(output).sort();
  // A name that is no text comes changed, and nothing is there under the one that came: it would be left out in silence.
  const changed = paths.find(
    (path) => path.includes("\ufffd") && lstatSync(path, { throwIfNoEntry: false }) === undefined,
  );
  if (changed !== undefined)
    throw new ToolError("noInput", `cannot read ${changed}`, { why: "its name is not UTF-8 text" });
  return paths;
}
