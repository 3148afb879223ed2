import { type LeaseState, type ReadLease, sameLease } from "shared/pod/lease-state";
import {
  type DoneMarker,
  type OutputRecord,
  parseDoneMarker,
  parseStartedMarker,
  SHARE,
  type StartedMarker,
} from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";

/** The launcher's state at one moment, as the shared volume shows it. */
export interface Observation {
  readonly started: StartedMarker | undefined;
  readonly done: DoneMarker | undefined;
  readonly doneFailed: DoneMarker | undefined;
  readonly lease: LeaseState;
}

/** How an attempt of the launcher ended. */
export interface AttemptEnd {
  /**
   * `done`: the outputs are saved. `failed`: the launcher could not save the outputs. `died`: the launcher ended, but
   * no marker reports its end. `unseen`: the pod terminated before any launcher started.
   */
  readonly kind: "done" | "failed" | "died" | "unseen";
  /** The id of this end. The ends of two attempts have different ids. */
  readonly id: string;
  readonly attempt: string | null;
  /** The marker that reports the end. Null if the launcher died or never started. */
  readonly marker: DoneMarker | null;
  /**
   * Paths of the outputs, relative to the volume. Null if the paths are unknown. In this case, everything in the
   * outputs folder is an output.
   */
  readonly outputs: readonly string[] | null;
}

/** The state of the sidecar itself. */
export interface SidecarState {
  /**
   * The id of the last {@link AttemptEnd} that the sidecar handled. Undefined if the sidecar has handled no end yet.
   */
  readonly handled: string | undefined;
  /** Whether the pod is terminating. In a terminating pod, no new launcher starts. */
  readonly terminating: boolean;
}

/**
 * Observes the volume. Reads the lease, then the markers, then the lease again. Repeats all these reads until both
 * reads of the lease return the same state. Two equal states prove that no launcher started between the two reads, and
 * that no living launcher removed a marker (docs/protocol.md, "The end of an attempt").
 */
export function observe(volume: SharedVolume, lease: ReadLease): Promise<Observation> {
  const check = async () => {
    const before = await lease();
    const started = await volume.read(SHARE.started, parseStartedMarker);
    const doneFailed = await volume.read(SHARE.doneFailed, parseDoneMarker);
    const done = await volume.read(SHARE.done, parseDoneMarker);
    const after = await lease();
    return sameLease(before, after) ? { started, done, doneFailed, lease: after } : undefined;
  };
  return volume.until(check, { names: [] });
}

/**
 * Returns the end that the sidecar must handle next. If there is no such end, returns `wait` if an end can still
 * follow, or `over` if no end can follow. This function is pure (docs/protocol.md, "The end of an attempt").
 */
export function nextEnd(seen: Observation, state: SidecarState): AttemptEnd | "wait" | "over" {
  const end = endOf(seen);
  if (end !== undefined && end.id !== state.handled) return end;
  if (!state.terminating || seen.lease.kind === "held") return "wait";
  if (state.handled !== undefined) return "over";
  return { ...died("no launcher", seen.started, null), kind: hasStarted(seen) ? "died" : "unseen" };
}

/** Whether a launcher has ever started on the volume. This function is pure. */
export function hasStarted({ started, done, doneFailed, lease }: Observation): boolean {
  return lease.kind !== "none" || started !== undefined || done !== undefined || doneFailed !== undefined;
}

/**
 * Maps the paths of outputs to the media types that the user chose for these outputs. The paths are relative to the
 * volume. This function is pure.
 */
export function mediaTypesOf({ marker }: AttemptEnd): ReadonlyMap<string, string> {
  const outputs = marker?.outputs ?? [];
  return new Map(outputs.flatMap(({ path, mediaType }) => (mediaType === undefined ? [] : [[path, mediaType]])));
}

function endOf({ started, done, doneFailed, lease }: Observation): AttemptEnd | undefined {
  if (doneFailed !== undefined) return failed(doneFailed, started);
  if (done !== undefined) {
    const outputs = done.outputs === null ? null : recordedPaths(done.outputs, done.logs);
    return { kind: "done", id: `done ${done.attempt}`, attempt: done.attempt, marker: done, outputs };
  }
  // A launcher with a lease writes the started marker before anything else. If this marker is missing, the launcher did
  // nothing.
  return lease.kind === "ended" ? died(lease.id, started, []) : undefined;
}

function failed(marker: DoneMarker, started: StartedMarker | undefined): AttemptEnd {
  const { attempt, phase } = marker;
  const saved = marker.outputs === null ? null : recordedPaths(marker.outputs, marker.logs);
  // If a marker lists missing outputs, the launcher saved all other outputs. In this case, the marker's field `outputs`
  // lists the saved outputs.
  const listed = marker.missing !== undefined && saved !== null;
  const announced = started?.attempt === attempt && !listed ? started.outputs : saved;
  const outputs = phase === "init" ? [] : announced;
  return { kind: "failed", id: `failed ${attempt}`, attempt, marker, outputs };
}

function recordedPaths(outputs: readonly OutputRecord[], logs: readonly OutputRecord[]): string[] {
  return [...outputs, ...logs].map(({ path }) => path);
}

function died(id: string, started: StartedMarker | undefined, unannounced: readonly string[] | null): AttemptEnd {
  const outputs = started === undefined ? unannounced : started.outputs;
  return { kind: "died", id: `died ${id}`, attempt: started?.attempt ?? null, marker: null, outputs };
}
