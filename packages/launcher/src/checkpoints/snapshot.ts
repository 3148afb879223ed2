import { chmodSync, constants, linkSync, lstatSync, readdirSync, renameSync, statfsSync, utimesSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolders, makeSharedFolders } from "shared/fs/folders";
import { ifSupported } from "shared/fs/missing-feature";
import { removeTree } from "shared/fs/remove-tree";
import { systemCode } from "shared/fs/system-error";
import { uniqueName } from "shared/fs/unique-name";
import { type CheckpointMarker, SHARE } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import { type CheckpointFile, fileOf } from "./checkpoint-files.ts";

/** A snapshot on the shared volume. */
export interface Snapshot {
  readonly number: number;
  readonly files: readonly CheckpointFile[];
}

/**
 * Copies files into a new folder below `checkpoints/`. Returns the path of this folder. Returns undefined if a file
 * changed or disappeared during the copying, because the new folder could then contain a partial write. `last` is the
 * previous snapshot. If a file has not changed since `last`, creates a hard link to the copy in `last`. This is safe,
 * because nobody changes the copies in `last`. Copies every other file. A hard link to the original file would not be
 * safe, because the application may change the original file. If the file system supports shared blocks, each new copy
 * shares the blocks of the original file.
 */
export async function copySnapshot(
  share: string,
  files: readonly CheckpointFile[],
  last: Snapshot,
): Promise<string | undefined> {
  const checkpoints = join(share, SHARE.checkpoints);
  const folder = join(checkpoints, `.${uniqueName()}`);
  makeSharedFolders(checkpoints);
  const changed = new Set(changedFiles(files, last.files));
  try {
    makeReadableFolders(folder);
    for (const file of files) {
      const target = join(folder, file.title);
      makeReadableFolders(dirname(target));
      const linked = !changed.has(file) && isLinked(join(checkpoints, String(last.number), file.title), target);
      if (!linked) await copyTo(target, file);
      if (!isUnchanged(file)) return discard(folder);
    }
    // If no file changed during the copying, the copies show the state of all files at the same moment.
    return files.every(isUnchanged) ? folder : discard(folder);
  } catch (error) {
    discard(folder);
    // The application removed a file. For example, some applications keep only their newest state files.
    if (systemCode(error) === "ENOENT" && !files.every(isUnchanged)) return undefined;
    throw error;
  }
}

/** Returns the files that were added or changed since the last snapshot. This function is pure. */
export function changedFiles(files: readonly CheckpointFile[], last: readonly CheckpointFile[]): CheckpointFile[] {
  const signatures = new Map(last.map(({ title, signature }) => [title, signature]));
  return files.filter(({ title, signature }) => signatures.get(title) !== signature);
}

/**
 * Makes a copied snapshot the newest checkpoint: gives the folder its final name, and writes the marker. If the
 * launcher dies between these two steps, the earlier checkpoint stays the newest checkpoint.
 */
export async function announceSnapshot(volume: SharedVolume, folder: string, marker: CheckpointMarker): Promise<void> {
  const final = join(dirname(folder), String(marker.number));
  removeTree(final);
  renameSync(folder, final);
  await volume.write(SHARE.checkpoint, marker);
}

/**
 * Removes unfinished snapshots, including snapshots with a number above `newest`. A snapshot stays unfinished if the
 * launcher dies before it writes the marker. Also removes the checkpoints with numbers up to `handled`, because the
 * sidecar no longer needs these checkpoints. Always keeps the checkpoint with the number `newest`, because a new
 * attempt may restore it.
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

async function copyTo(target: string, { path }: CheckpointFile): Promise<void> {
  await copyFile(path, target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  const { mode, atime, mtime } = lstatSync(path);
  // Lets every user read the copy, because the sidecar often runs as a different user than the application.
  ifSupported(() => chmodSync(target, (mode & 0o777) | 0o444));
  ifSupported(() => utimesSync(target, atime, mtime));
}

/** Creates `target` as a hard link to the file `copy`. Returns false if the link cannot be created. */
function isLinked(copy: string, target: string): boolean {
  try {
    linkSync(copy, target);
    return true;
  } catch {
    return false;
  }
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
