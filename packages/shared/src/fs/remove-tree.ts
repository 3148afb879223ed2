import { chmodSync, lstatSync, readdirSync, rmSync } from "node:fs";
import { type BytePath, rawPath, toBytePath } from "./byte-path.ts";

/**
 * Removes a file, or a folder and its content. Also removes folders that have no write permission. Does nothing if the
 * path does not exist. Throws the system's error if the removal fails.
 */
export function removeTree(path: string): void {
  makeFoldersWritable(toBytePath(path));
  rmSync(path, { recursive: true, force: true });
}

function makeFoldersWritable(path: BytePath): void {
  if (lstatSync(rawPath(path), { throwIfNoEntry: false })?.isDirectory() !== true) return;
  chmodSync(rawPath(path), 0o700);
  for (const name of readdirSync(rawPath(path), { encoding: "latin1" })) makeFoldersWritable(`${path}/${name}`);
}
