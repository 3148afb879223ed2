import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "shared/cli/log";
import { describeError } from "shared/cli/tool-error";
import { removeFile } from "shared/fs/remove-file";
import { parseCheckpointPushedMarker } from "shared/pod/checkpoint-markers";
import { MAX_OUTPUTS, SHARE } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import type { RunResult } from "../process/exit-status.ts";
import { type CheckpointFile, findCheckpointFiles } from "./checkpoint-files.ts";
import type { CheckpointPlan } from "./checkpoint-plan.ts";
import { announceSnapshot, changedFiles, copySnapshot, hasSpace, removeOldSnapshots } from "./snapshot.ts";

/** While the application runs, a checkpoint contains only files that have not changed for this many milliseconds. */
const SETTLE_TIME = 2000;

/**
 * The launcher regularly checks whether a checkpoint is due or requested. This is the maximum pause between two checks,
 * in milliseconds.
 */
const TICK = 500;

/**
 * The maximum time, in milliseconds, that a checkpoint waits for new files that are still changing. During this wait,
 * the application can complete files that belong together.
 */
const PATIENCE = 10_000;

/**
 * If a file that changes too often delays a checkpoint for this number of milliseconds, the launcher warns. If four
 * checkpoint intervals take less time, the launcher already warns after four intervals.
 */
const WARNING_TIME = 60_000;

/** The context in which one attempt takes checkpoints. */
export interface CheckpointContext {
  readonly attempt: string;
  readonly volume: SharedVolume;
  readonly warn: Log;
}

/**
 * Takes checkpoints while the application runs (docs/protocol.md, "Checkpoints"). A failed checkpoint only causes a
 * warning. At most one regular checkpoint waits for its push. The sidecar must handle this checkpoint before the
 * launcher takes the next regular checkpoint.
 */
export class Checkpointer {
  readonly #plan: CheckpointPlan;
  readonly #context: CheckpointContext;
  /** The number of the newest checkpoint at the start of this attempt. The value is 0 if there was no checkpoint. */
  readonly #first: number;
  /** The smaller of {@link SETTLE_TIME} and the interval between checkpoints, in milliseconds. */
  readonly #settleTime: number;
  readonly #warned = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();
  #number: number;
  #last = performance.now();
  #urgent = false;
  /** The time when a checkpoint became due. The value is undefined if no checkpoint is due. */
  #dueSince: number | undefined;
  /** The files of the last checkpoint. */
  #files: readonly CheckpointFile[] = [];

  /** `newest` is the number of the newest existing checkpoint, or 0. */
  constructor(plan: CheckpointPlan, context: CheckpointContext, newest: number) {
    this.#plan = plan;
    this.#context = context;
    this.#first = newest;
    this.#number = newest;
    this.#settleTime = Math.min(SETTLE_TIME, plan.checkpointSeconds * 1000);
  }

  /** Starts to take checkpoints. Call this right before the application starts. */
  start(): void {
    if (this.#plan.checkpoints.length === 0) return;
    const tick = () => {
      const handling = this.#tick().catch((error) => this.#warnFailed(error));
      this.#working = handling.then(() => {
        this.#timer = setTimeout(tick, Math.min(TICK, this.#settleTime / 2));
      });
    };
    this.#timer = setTimeout(tick, 0);
  }

  /** Takes a checkpoint as soon as possible, even if the sidecar has not handled the previous checkpoint. */
  hurry(): void {
    this.#urgent = true;
  }

  /**
   * Ends the regular checkpoints. If the run did not succeed, takes one last checkpoint. Call this after the
   * application has ended. If a signal ended the application, the last checkpoint contains no files that changed
   * shortly before the end, because such files may be incomplete.
   */
  async finish({ end, timedOut }: RunResult): Promise<void> {
    if (this.#plan.checkpoints.length === 0) return;
    const ended = Date.now();
    await this.#working;
    clearTimeout(this.#timer);
    if (end.kind === "not started" || (end.kind === "exited" && end.exitCode === 0 && !timedOut)) return;
    const orderly = end.kind === "exited" && end.exitCode < 128;
    await this.#attempt(orderly ? Number.POSITIVE_INFINITY : ended - this.#settleTime, false);
  }

  async #tick(): Promise<void> {
    const now = performance.now();
    const requested = existsSync(join(this.#plan.share, SHARE.checkpointNow));
    const due = now - this.#last >= this.#plan.checkpointSeconds * 1000;
    if (!due && !requested && !this.#urgent) return;
    if (!this.#urgent && (await this.#handled()) < this.#number) return;
    this.#dueSince ??= now;
    const patience = Math.min(PATIENCE, this.#plan.checkpointSeconds * 1000);
    const patient = !this.#urgent && now - this.#dueSince < patience;
    if (!(await this.#attempt(Date.now() - this.#settleTime, patient))) return;
    this.#last = now;
    this.#dueSince = undefined;
    this.#urgent = false;
    if (requested) await removeFile(join(this.#plan.share, SHARE.checkpointNow));
  }

  /** Takes a checkpoint, and warns if the checkpoint fails. Returns false if the checkpoint must be retried soon. */
  async #attempt(settledBefore: number, patient: boolean): Promise<boolean> {
    try {
      return await this.#take(settledBefore, patient);
    } catch (error) {
      this.#warnFailed(error);
      return true;
    }
  }

  /**
   * Takes a checkpoint of the files that have not changed since the time `settledBefore`. This time is in milliseconds
   * since 1970. If `patient` is true and any file has changed since `settledBefore`, postpones the checkpoint.
   */
  async #take(settledBefore: number, patient: boolean): Promise<boolean> {
    const { share, checkpoints: patterns } = this.#plan;
    const found = findCheckpointFiles(patterns, share);
    const unsettled = found.filter(({ changed }) => changed > settledBefore);
    const known = new Set(this.#files.map(({ title }) => title));
    // A file of the last checkpoint changed recently, so the application may still be overwriting this file. A new
    // checkpoint without this file would be useless.
    const overwritten = unsettled.find(({ title }) => known.has(title));
    if (overwritten !== undefined || (patient && unsettled.length > 0)) return this.#postpone(overwritten);
    const files = found.filter((file) => !unsettled.includes(file));
    if (files.length === 0) return unsettled.length === 0 || this.#postpone(unsettled[0]);
    const changed = changedFiles(files, this.#files);
    if (changed.length === 0 && files.length === this.#files.length) return true;
    if (!this.#fits(files.length, sizeOf(changed))) return true;
    const folder = await copySnapshot(share, files, { number: this.#number, files: this.#files });
    if (folder === undefined) return false;
    await this.#announce(folder, files);
    return true;
  }

  /** Returns false, because the checkpoint must be retried. Warns if `file` has delayed the checkpoint for too long. */
  #postpone(file: CheckpointFile | undefined): false {
    const limit = Math.min(WARNING_TIME, 4000 * this.#plan.checkpointSeconds);
    const waited = performance.now() - (this.#dueSince ?? performance.now());
    if (file !== undefined && waited >= limit)
      this.#warnOnce(
        `cannot take a checkpoint: ${file.path} never stays unchanged for ${this.#settleTime / 1000} s: write it less often, or write a new file each time`,
      );
    return false;
  }

  async #announce(folder: string, files: readonly CheckpointFile[]): Promise<void> {
    const { share, checkpoints: patterns } = this.#plan;
    const { attempt, volume } = this.#context;
    const number = this.#number + 1;
    const takenAt = new Date().toISOString();
    await announceSnapshot(volume, folder, {
      schema: 1,
      attempt,
      number,
      patterns,
      files: files.length,
      bytes: sizeOf(files),
      takenAt,
    });
    this.#number = number;
    this.#files = files;
    removeOldSnapshots(share, number, await this.#handled());
  }

  #fits(files: number, bytes: number): boolean {
    if (files > MAX_OUTPUTS)
      this.#warnOnce(
        `took no checkpoint: ${files} files match, but a checkpoint can have at most ${MAX_OUTPUTS} files`,
      );
    else if (!hasSpace(this.#plan.share, bytes))
      this.#warnOnce("took no checkpoint: it is larger than half of the volume's free space");
    else return true;
    return false;
  }

  /**
   * Returns the number of the last checkpoint that the sidecar handled. The checkpoints of earlier attempts count as
   * handled.
   */
  async #handled(): Promise<number> {
    const marker = await this.#context.volume.read(SHARE.checkpointPushed, parseCheckpointPushedMarker);
    return Math.max(marker?.number ?? 0, this.#first);
  }

  #warnFailed(error: unknown): void {
    this.#warnOnce(`cannot take a checkpoint: ${describeError(error)}`);
  }

  #warnOnce(text: string): void {
    if (!this.#warned.has(text)) this.#context.warn(text);
    this.#warned.add(text);
  }
}

/** Returns the total size of the files, in bytes. */
function sizeOf(files: readonly CheckpointFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
