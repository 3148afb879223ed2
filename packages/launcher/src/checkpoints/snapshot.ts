import { chmodSync, constants, lstatSync, readdirSync, renameSync, statfsSync, utimesSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolders, makeSharedFolders } from "shared/fs/folders";
import { ifSupported } from "shared/fs/missing-feature";
import { removeTree } from "shared/fs/remove-tree";
import { uniqueName } from "shared/fs/unique-name";
import { type CheckpointMarker, SHARE } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import { type CheckpointFile, fileOf } from "./checkpoint-files.ts";

/**
 * Copies files into a new folder below `checkpoints/`. Returns the path of this folder. Returns undefined if a file
 * changed during the copy, because the copy could then contain half a write. The copy shares its blocks with the file
 * if the file system supports this. A hard link would change together with the file.
 */
export async function copySnapshot(share: string, files: readonly CheckpointFile[]): Promise<string | undefined> {
  const folder = join(share, SHARE.checkpoints, `.${uniqueName()}`);
  makeSharedFolders(dirname(folder));
  try {
    makeReadableFolders(folder);
    for (const file of files) {
      await copyInto(folder, file);
      if (!isUnchanged(file)) return discard(folder);
    }
    // No file changed while other files were copied. So all copies are of one moment.
    return files.every(isUnchanged) ? folder : discard(folder);
  } catch (error) {
    discard(folder);
    throw error;
  }
}

/**
 * Makes a copied snapshot the newest checkpoint: gives the folder its final name, and writes the marker. A death
 * between these two steps leaves the earlier checkpoint as the newest.
 */
export async function announceSnapshot(volume: SharedVolume, folder: string, marker: CheckpointMarker): Promise<void> {
  const final = join(dirname(folder), String(marker.number));
  removeTree(final);
  renameSync(folder, final);
  await volume.write(SHARE.checkpoint, marker);
}

/**
 * Removes unfinished snapshots, and the checkpoints that the sidecar has handled. `handled` is the number of the last
 * checkpoint that the sidecar handled. Keeps the newest checkpoint, because a new attempt may restore it.
 */
export function removeOldSnapshots(share: string, newest: number, handled: number): void {
  const folder = join(share, SHARE.checkpoints);
  for (const name of readdirSync(folder)) {
    const number = /^\d+$/.test(name) ? Number(name) : undefined;
    const old = number !== undefined && number !== newest && (number <= handled || number > newest);
    if (old || name.startsWith(".")) removeTree(join(folder, name));
  }
}

/** Whether a snapshot of `bytes` uses at most half of the free space. The other half is for the outputs. */
export function hasSpace(share: string, bytes: number): boolean {
  const { bavail, bsize } = statfsSync(share);
  return bytes <= (bavail * bsize) / 2;
}

async function copyInto(folder: string, { path, title }: CheckpointFile): Promise<void> {
  const target = join(folder, title);
  makeReadableFolders(dirname(target));
  await copyFile(path, target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  const { mode, atime, mtime } = lstatSync(path);
  // The sidecar often runs as a different user than the application.
  ifSupported(() => chmodSync(target, (mode & 0o777) | 0o444));
  ifSupported(() => utimesSync(target, atime, mtime));
}

function isUnchanged({ path, signature }: CheckpointFile): boolean {
  return fileOf(path)?.signature === signature;
}

function makeReadableFolders(path: string): void {
  makeFolders(path, (folder) => ifSupported(() => chmodSync(folder, 0o755)));
}

function discard(folder: string): undefined {
  removeTree(folder);
  return undefined;
}
