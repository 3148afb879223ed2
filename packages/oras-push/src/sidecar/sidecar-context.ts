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
  /**
   * A function that the push calls after the upload, before it writes the tag. If this function throws, the push does
   * not write the tag.
   */
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
   * The seconds within which a launcher must start. By default, there is no limit, because some launchers take no
   * lease. The sidecar cannot detect the start of such a launcher.
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
   * A signal that aborts when the pod terminates. The sidecar then finishes its work. If no launcher has started, a
   * sidecar that is not native ends at once.
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
