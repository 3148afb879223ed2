import { existsSync } from "node:fs";
import { join } from "node:path";
import { CACHE } from "../../support/paths.ts";
import { run } from "../../support/tools.ts";

/** Where a program that is built with Go is; undefined where it is not on this machine. */
export function builtProgram(name: string): string | undefined {
  const path = join(CACHE, "bin", name);
  return existsSync(path) ? path : undefined;
}

const PROGRAM = builtProgram("oras");

/** Why the real `oras` command line cannot be had here; false where it can. */
export const ORAS_SKIP: string | false = PROGRAM !== undefined ? false : "the oras command line is not built: no Go";

/** Runs the real `oras` command line in a folder. Throws with what it said where it fails. */
export async function oras(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(PROGRAM as string, args, {
    cwd,
    env: { HOME: cwd, PATH: process.env.PATH },
  });
  if (code !== 0) throw new Error(`oras ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}
