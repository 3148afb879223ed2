import { chmodSync, constants, copyFileSync, lstatSync, renameSync, rmSync, utimesSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Log } from "shared/cli/log";
import { describeError, ToolError } from "shared/cli/tool-error";
import { makeFolders } from "shared/fs/folders";
import { ifSupported } from "shared/fs/missing-feature";
import { cannotWrite } from "shared/fs/path-failure";
import { uniqueName } from "shared/fs/unique-name";
import { RESTORED_CHECKPOINT } from "shared/pod/checkpoint-markers";
import { type CheckpointMarker, type InitMarker, type RestoredCheckpoint, SHARE } from "shared/pod/markers";
import { checkpointFolder, filesBelow, findCheckpointFiles, titlePrefix } from "./checkpoint-files.ts";
import type { CheckpointPlan } from "./checkpoint-plan.ts";

/** A checkpoint on the shared volume. */
export interface AvailableCheckpoint extends RestoredCheckpoint {
  /** The folder of the checkpoint, relative to the volume. */
  readonly folder: string;
}

/**
 * Chooses the checkpoint to restore. There are two candidates: the checkpoint that an earlier attempt of this pod took,
 * and the checkpoint that the sidecar pulled. Chooses the newer candidate. Returns undefined if the sidecar did not ask
 * to resume, or if there is no checkpoint. This function is pure.
 */
export function chooseCheckpoint(
  { resume, checkpoint, lastCheckpoint = 0 }: InitMarker,
  local: CheckpointMarker | undefined,
): AvailableCheckpoint | undefined {
  if (resume === undefined) return undefined;
  if (local !== undefined && local.number > lastCheckpoint)
    return { ...local, folder: join(SHARE.checkpoints, String(local.number)) };
  return checkpoint && { ...checkpoint, folder: join(SHARE.checkpoints, RESTORED_CHECKPOINT) };
}

/**
 * Copies the files of a checkpoint back to their original paths. Removes each file that matches the patterns, but is
 * not in the checkpoint. Therefore, the application finds the files of exactly one checkpoint. Returns the number of
 * the checkpoint. If `mode` is `best-effort`, a failure only causes a warning, and this function returns undefined.
 * With any other `mode`, a failure throws `noInput`.
 */
export function restoreCheckpoint(
  checkpoint: AvailableCheckpoint,
  plan: CheckpointPlan,
  mode: InitMarker["resume"],
  warn: Log,
): number | undefined {
  const { number } = checkpoint;
  try {
    restore(checkpoint, plan);
    warn(`resumed from checkpoint ${number}`);
    return number;
  } catch (error) {
    if (mode === "best-effort") {
      warn(`cannot restore checkpoint ${number}, so the command starts from the beginning: ${describeError(error)}`);
      return undefined;
    }
    const hint = "to start from the beginning in this case, set --resume=best-effort for the sidecar";
    throw new ToolError("noInput", `cannot restore checkpoint ${number}`, { why: describeError(error), hint });
  }
}

/** The paths of one file while a checkpoint is restored. */
interface Move {
  readonly source: string;
  readonly temporary: string;
  readonly target: string;
}

function restore(checkpoint: AvailableCheckpoint, { share, checkpoints: patterns }: CheckpointPlan): void {
  if (!isDeepStrictEqual(checkpoint.patterns, patterns))
    throw new Error(`it has the patterns ${checkpoint.patterns.join(" ")}, not ${patterns.join(" ") || "none"}`);
  const moves = patterns.flatMap((pattern, index) =>
    movesOf(join(share, checkpoint.folder, titlePrefix(patterns, index)), checkpointFolder(pattern)),
  );
  try {
    // All copies are complete before the first file gets its final name.
    for (const move of moves) copy(move);
    for (const { temporary, target } of moves) renameSync(temporary, target);
  } catch (error) {
    for (const { temporary } of moves) rmSync(temporary, { force: true });
    throw error;
  }
  const restored = new Set(moves.map(({ target }) => target));
  for (const { path } of findCheckpointFiles(patterns, share)) if (!restored.has(path)) rmSync(path);
}

function movesOf(source: string, target: string): Move[] {
  if (lstatSync(source, { throwIfNoEntry: false }) === undefined) return [];
  return filesBelow(source).map((path) => {
    const place = join(target, relative(source, path));
    return { source: path, temporary: join(dirname(place), `.oras-restore-${uniqueName()}`), target: place };
  });
}

function copy({ source, temporary, target }: Move): void {
  try {
    makeFolders(dirname(target));
    copyFileSync(source, temporary, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    const { mode, atime, mtime } = lstatSync(source);
    ifSupported(() => chmodSync(temporary, (mode & 0o777) | 0o600));
    ifSupported(() => utimesSync(temporary, atime, mtime));
  } catch (error) {
    throw cannotWrite(target, error);
  }
}
