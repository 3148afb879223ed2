import { chmodSync, lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Creates a folder for a test, and removes it when the test ends. For a suite, `context` is `{ after }` of node:test.
 */
export function temporaryFolder(context: { after(clean: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "oras-pod-tools-"));
  context.after(() => {
    makeRemovable(Buffer.from(folder));
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Makes a folder and its subfolders writable, because a normal user cannot empty a folder that is not writable. */
function makeRemovable(folder: Buffer): void {
  chmodSync(folder, 0o700);
  for (const name of readdirSync(folder, { encoding: "buffer" })) {
    const path = Buffer.concat([folder, Buffer.from("/"), name]);
    if (lstatSync(path).isDirectory()) makeRemovable(path);
  }
}
