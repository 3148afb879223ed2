import { existsSync } from "node:fs";
import { join } from "node:path";
import { CACHE } from "../../support/paths.ts";
import { run } from "../../support/tools.ts";

/** Returns the path of a program that the test run built with Go. Returns undefined if the program is not built. */
export function findBuiltProgram(name: string): string | undefined {
  const path = join(CACHE, "bin", name);
  return existsSync(path) ? path : undefined;
}

const PROGRAM = findBuiltProgram("oras");

/** The reason to skip tests of the real `oras` command line. It is false if this machine has `oras`. */
export const ORAS_SKIP: string | false = PROGRAM !== undefined ? false : "the oras command line is not built: needs Go";

/**
 * Runs the real `oras` command line in a folder, and returns its stdout. If `oras` fails, throws an error with its
 * stderr.
 */
export async function oras(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(PROGRAM as string, args, {
    cwd,
    env: { HOME: cwd, PATH: process.env.PATH },
  });
  if (code !== 0) throw new Error(`oras ${args.join(" ")} exited with ${code}: ${stderr}`);
  return stdout;
}
