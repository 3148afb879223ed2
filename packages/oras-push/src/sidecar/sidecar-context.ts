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
  /**
   * Maps an output's path, relative to the volume, to the media type of its layer. If this map does not contain a path,
   * the layer gets the default media type.
   */
  readonly mediaTypes: ReadonlyMap<string, string>;
  /** Annotations of the run. */
  readonly annotations: Annotations;
  /** If true, the push skips unreadable paths. If false, the push fails if a path is unreadable. */
  readonly partial: boolean;
  /** The push calls this function after the upload. If this function throws, the push does not write the tag. */
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
  /** The reference for the outputs. If undefined, the sidecar pushes nothing. */
  readonly pushTo: Reference | undefined;
  /**
   * The seconds within which a launcher must start. By default, there is no limit, because the sidecar cannot detect
   * the start of a launcher that takes no lease.
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
  /** When this signal aborts, every wait ends and throws the reason of the signal. */
  readonly signal: AbortSignal;
  /**
   * A signal that aborts when the pod terminates. Usually, the sidecar then finishes its work. But if no launcher has
   * started and the sidecar is not native, the sidecar ends at once.
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
   * The failure that the sidecar ends with, such as the death of the launcher. The sidecar ends with this failure even
   * if the push of the partial outputs succeeds. Undefined if the launcher saved the outputs.
   */
  readonly failure: ToolError | undefined;
}
