import type { Log } from "shared/cli/log";
import type { ToolError } from "shared/cli/tool-error";
import type { ReadLease } from "shared/pod/lease-state";
import type { ArtifactRecord } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import type { Annotations } from "../oci/descriptor.ts";
import type { Reference } from "../oci/reference.ts";
import type { AttemptEnd } from "./attempt-end.ts";
import type { OutcomePolicies } from "./run-outcome.ts";

/** One push of a sidecar. */
export interface PushOrder {
  readonly reference: Reference;
  readonly paths: readonly string[];
  /** Media types of layers. Each key is a path relative to the volume. Other layers get the default media type. */
  readonly mediaTypes: ReadonlyMap<string, string>;
  /** Annotations of the run. */
  readonly annotations: Annotations;
  /** Whether to push the readable part of the paths if some of them cannot be read. */
  readonly partial: boolean;
  /** Called after the upload, before the tag is written. If this function throws, the tag is not written. */
  readonly confirm: () => Promise<void>;
}

/** The operations of a sidecar that have side effects. Tests replace these operations. */
export interface SidecarSteps {
  /** Takes the sidecar's lease. The lease is never released. It ends when the process ends. */
  readonly takeLease: () => Promise<void>;
  /** Pulls all inputs. Removes the files of an earlier attempt first. */
  readonly pull: () => Promise<ArtifactRecord[]>;
  /** The state of the launcher's lease. */
  readonly lease: ReadLease;
  /** Waits for a moment, so that a starting launcher can remove the markers of an earlier launcher. */
  readonly settle: (signal: AbortSignal) => Promise<void>;
  /** The paths of an attempt's outputs. */
  readonly savedOutputs: (end: AttemptEnd) => Promise<readonly string[]>;
  readonly push: (order: PushOrder) => Promise<ArtifactRecord>;
}

/** How a sidecar behaves. */
export interface SidecarOptions extends OutcomePolicies {
  /** The inputs; empty if there are none. */
  readonly pullFrom: readonly Reference[];
  /** The reference for the outputs; undefined to push nothing. */
  readonly pushTo: Reference | undefined;
  /**
   * The seconds within which a launcher must start. Unlimited by default, because the sidecar cannot detect the start
   * of a launcher without a lease.
   */
  readonly startTimeoutSeconds: number | undefined;
  /** The seconds within which the attempt must end; unlimited by default. */
  readonly timeoutSeconds: number | undefined;
  /** If true, the sidecar keeps running after a push, and handles further attempts until the pod terminates. */
  readonly native: boolean;
}

/** The environment in which a sidecar runs. */
export interface SidecarContext {
  readonly volume: SharedVolume;
  /** A signal that ends every wait. Each wait then throws the signal's reason. */
  readonly signal: AbortSignal;
  /**
   * A signal that aborts when the pod terminates. The sidecar then finishes its work. A classic sidecar ends at once if
   * no launcher has started.
   */
  readonly terminating: AbortSignal;
  readonly waitLog: Log;
  readonly warn: Log;
}

/** The result of handling one attempt. */
export interface SidecarResult {
  /** The pushed artifact; undefined if nothing was pushed. */
  readonly pushed: ArtifactRecord | undefined;
  /**
   * The failure of the sidecar, such as the death of the launcher. A successful push does not change this failure.
   * Undefined if the launcher saved the outputs.
   */
  readonly failure: ToolError | undefined;
}
