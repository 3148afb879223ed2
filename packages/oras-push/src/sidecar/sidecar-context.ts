import type { Log } from "shared/cli/log";
import type { ToolError } from "shared/cli/tool-error";
import type { ReadLease } from "shared/pod/lease-state";
import type { ArtifactRecord, CheckpointMarker, InitMarker, ResumeMode } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import type { PullSource } from "../artifact/pull.ts";
import type { Annotations } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";
import type { InputReference } from "../oci/tag-pattern.ts";
import type { AttemptEnd } from "./attempt-end.ts";
import type { OutcomePolicies } from "./run-outcome.ts";

/** The init marker's fields that describe the checkpoint in the registry. */
export type PulledCheckpoint = Pick<InitMarker, "checkpoint" | "lastCheckpoint">;

/** One push of a sidecar. */
export interface PushOrder {
  readonly reference: Reference;
  readonly paths: readonly string[];
  /**
   * Maps an output's path, relative to the volume, to the media type of its layer. If this map does not contain a path,
   * the layer gets the default media type.
   */
  readonly mediaTypes: ReadonlyMap<string, string>;
  /** Annotations of the run. */
  readonly annotations: Annotations;
  /** If true, the push skips unreadable paths. If false, the push fails at the first unreadable path. */
  readonly partial: boolean;
  /** The push calls this function after the upload. If this function throws, the push does not write the tag. */
  readonly confirm: () => Promise<void>;
}

/** An input that exists in the registry. */
export interface FoundInput {
  readonly reference: Reference;
  /** The digest that the reference had when the sidecar found the input. */
  readonly digest: Digest;
  /**
   * The name of the input's subfolder in `inputs/`. This name is the tag of the input. Undefined if no pattern matched
   * the input.
   */
  readonly subfolder: string | undefined;
  /** The source of the input's manifest and layers. */
  readonly source: PullSource;
}

/** One push of a checkpoint. */
export interface CheckpointOrder {
  readonly reference: Reference;
  readonly checkpoint: CheckpointMarker;
  /** Annotations of the checkpoint. */
  readonly annotations: Annotations;
  /** The push calls this function after the upload. If this function throws, the push does not write the tag. */
  readonly confirm: () => Promise<void>;
  /**
   * Returns true if an attempt has ended. In this case, the outputs of the attempt must be pushed, and the push of the
   * checkpoint must stop.
   */
  readonly ended: () => Promise<true | undefined>;
}

/** The operations of a sidecar that have side effects. Tests replace these operations. */
export interface SidecarSteps {
  /** Takes the sidecar's lease. The lease ends when the process ends. */
  readonly takeLease: () => Promise<void>;
  /** Finds all inputs in the registry, and waits for missing inputs if the sidecar has an input timeout. */
  readonly findInputs: () => Promise<readonly FoundInput[]>;
  /**
   * Searches for the artifact at the sidecar's reference. Returns the artifact if it is the whole output of a
   * successful run that had these `inputs` and the sidecar's cache key. Otherwise, returns undefined.
   */
  readonly findFinishedRun: (inputs: readonly ArtifactRecord[]) => Promise<ArtifactRecord | undefined>;
  /** Empties the folder of the inputs, and then pulls inputs into this folder. */
  readonly pull: (found: readonly FoundInput[]) => Promise<void>;
  /** The state of the launcher's lease. */
  readonly lease: ReadLease;
  /** Waits for a moment, so that a starting launcher can remove the markers of an earlier launcher. */
  readonly settle: (signal: AbortSignal) => Promise<void>;
  /**
   * Waits for a limited time. Returns true as soon as `started` returns true or the pod terminates. Returns false if
   * neither happens in this time.
   */
  readonly expectLauncher: (
    started: () => Promise<true | undefined>,
    context: Pick<SidecarContext, "signal" | "terminating">,
  ) => Promise<boolean>;
  /** The paths of an attempt's outputs. */
  readonly savedOutputs: (end: AttemptEnd) => Promise<readonly string[]>;
  readonly push: (order: PushOrder) => Promise<ArtifactRecord>;
  /**
   * Pulls the checkpoint of an interrupted run that had these `inputs` and the sidecar's cache key. Pulls nothing if
   * there is no such checkpoint.
   */
  readonly pullCheckpoint: (inputs: readonly ArtifactRecord[]) => Promise<PulledCheckpoint>;
  readonly pushCheckpoint: (order: CheckpointOrder) => Promise<ArtifactRecord>;
}

/** How a sidecar behaves. */
export interface SidecarOptions extends OutcomePolicies {
  /** The inputs. The list is empty if there are no inputs. */
  readonly pullFrom: readonly InputReference[];
  /** The reference for the outputs. If undefined, the sidecar pushes nothing. */
  readonly pushTo: Reference | undefined;
  /** Whether to skip a run whose output is already in the registry. */
  readonly skipDone: boolean;
  /** How to resume an interrupted run. Undefined if a run always starts from the beginning. */
  readonly resume: ResumeMode | undefined;
  /** The inputs and this text together identify the run. The artifact's annotations contain this text. */
  readonly cacheKey: string | undefined;
  /**
   * The maximum time to wait for the start of a launcher, in seconds. By default, there is no limit, because the
   * sidecar cannot detect the start of a launcher that takes no lease.
   */
  readonly startTimeoutSeconds: number | undefined;
  /** The maximum time to wait for the end of an attempt, in seconds. By default, there is no limit. */
  readonly timeoutSeconds: number | undefined;
  /** If true, the sidecar keeps running after a push, and handles further attempts until the pod terminates. */
  readonly native: boolean;
}

/** The environment in which a sidecar runs. */
export interface SidecarContext {
  readonly volume: SharedVolume;
  /** When this signal aborts, every wait ends and throws the reason of the signal. */
  readonly signal: AbortSignal;
  /**
   * A signal that aborts when the pod terminates. Usually, the sidecar still finishes its work after this signal. If no
   * launcher has started and the sidecar is not native, the sidecar ends at once.
   */
  readonly terminating: AbortSignal;
  readonly waitLog: Log;
  readonly warn: Log;
}

/** The result of handling one attempt. */
export interface SidecarResult {
  /** The pushed artifact. Undefined if nothing was pushed. */
  readonly pushed: ArtifactRecord | undefined;
  /**
   * The reason why the launcher did not save all outputs, such as the launcher's death. The sidecar ends with this
   * failure even if the push of the partial outputs succeeds. Undefined if the launcher saved the outputs or skipped the
   * run.
   */
  readonly failure: ToolError | undefined;
}
