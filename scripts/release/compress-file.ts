import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { ensureProgram } from "../../support/debian.ts";

/**
 * Compresses a file with gzip. The result depends only on the file's content. Throws if libdeflate cannot be installed.
 */
export function compressFile(file: string, target: string): void {
  ensureProgram("libdeflate-gzip", ["libdeflate-tools"]);
  writeFileSync(target, execFileSync("libdeflate-gzip", ["-c", file], { maxBuffer: 2 ** 30 }));
}
