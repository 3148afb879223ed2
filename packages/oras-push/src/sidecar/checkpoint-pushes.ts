import { describeError, ToolError } from "shared/cli/tool-error";
import { parseCheckpointMarker, parseCheckpointPushedMarker } from "shared/pod/checkpoint-markers";
import { type ArtifactRecord, type CheckpointMarker, type CheckpointPushedMarker, SHARE } from "shared/pod/markers";
import { annotationsOf } from "../artifact/run-annotations.ts";
import { runIdentity } from "./provenance.ts";
import { checkpointReference } from "./run-outcome.ts";
import type { SidecarContext, SidecarOptions, SidecarSteps } from "./sidecar-context.ts";

/** The operations for the pushes of checkpoints. */
export type CheckpointSteps = Pick<SidecarSteps, "pushCheckpoint">;

/**
 * Pushes the checkpoints of a run, one after the other (docs/protocol.md, "Checkpoints"). A failed push causes a
 * warning, but no error.
 */
export class CheckpointPushes {
  readonly #inputs: readonly ArtifactRecord[];
  readonly #options: SidecarOptions;
  readonly #context: SidecarContext;
  readonly #steps: CheckpointSteps;
  #handled: number | undefined;
  #succeeded: string | null | undefined;

  /** `inputs` are the artifacts of the run's inputs. */
  constructor(
    inputs: readonly ArtifactRecord[],
    options: SidecarOptions,
    context: SidecarContext,
    steps: CheckpointSteps,
  ) {
    this.#inputs = inputs;
    this.#options = options;
    this.#context = context;
    this.#steps = steps;
  }

  /** Returns the newest checkpoint, or undefined if no checkpoint has to be pushed. */
  async pending(): Promise<CheckpointMarker | undefined> {
    if (this.#options.pushTo === undefined) return undefined;
    const { volume } = this.#context;
    const marker = await volume.read(SHARE.checkpoint, parseCheckpointMarker);
    if (marker === undefined || marker.attempt === this.#succeeded) return undefined;
    this.#handled ??= (await volume.read(SHARE.checkpointPushed, parseCheckpointPushedMarker))?.number ?? 0;
    return marker.number > this.#handled ? marker : undefined;
  }

  /** Skips the checkpoints of an attempt that succeeded, because nobody needs them any more. */
  skip(attempt: string | null): void {
    this.#succeeded = attempt;
  }

  /**
   * Pushes a checkpoint. `ended` tells whether the attempt has ended. If the attempt ends during the push, the push
   * stops, because the sidecar must first push the outputs of the attempt. The checkpoint stays pending, and can be
   * pushed after these outputs.
   */
  async push(marker: CheckpointMarker, ended: () => Promise<true | undefined>): Promise<void> {
    const { pushTo, cacheKey } = this.#options;
    if (pushTo === undefined) return;
    const { number, attempt, patterns } = marker;
    const known = { checkpoint: String(number), checkpointPatterns: JSON.stringify(patterns), attempt };
    const annotations = { ...annotationsOf(known), ...runIdentity(this.#inputs, cacheKey) };
    const confirm = async () => {
      if (await this.#isEnded(ended)) throw new ToolError("noInput", "the attempt has ended");
    };
    try {
      const order = { reference: checkpointReference(pushTo), checkpoint: marker, annotations, confirm, ended };
      await this.#report({ number, error: null, ...recordOf(await this.#steps.pushCheckpoint(order)) });
    } catch (error) {
      if (this.#context.signal.aborted) throw error;
      if (await this.#isEnded(ended)) return;
      this.#context.warn(`cannot push checkpoint ${number}: ${describeError(error)}`);
      await this.#report({ number, reference: null, digest: null, error: describeError(error) });
    }
  }

  #isEnded(ended: () => Promise<true | undefined>): Promise<boolean> {
    return this.#context.volume.until(async () => (await ended()) ?? false, { names: [] });
  }

  async #report(marker: Omit<CheckpointPushedMarker, "schema">): Promise<void> {
    this.#handled = marker.number;
    const { volume, warn } = this.#context;
    await volume.write(SHARE.checkpointPushed, { schema: 1, ...marker }).catch((error) => warn(describeError(error)));
  }
}

function recordOf({ reference, digest }: ArtifactRecord): ArtifactRecord {
  return { reference, digest };
}
