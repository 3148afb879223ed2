import type { LeaseState } from "shared/pod/lease";
import { sameLease } from "shared/pod/lease";
import { type DoneMarker, parseDoneMarker, parseStartedMarker, SHARE, type StartedMarker } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";

/** What the shared volume shows of the launcher at one moment. */
export interface Observation {
  readonly started: StartedMarker | undefined;
  readonly done: DoneMarker | undefined;
  readonly doneFailed: DoneMarker | undefined;
  readonly lease: LeaseState;
}

/** How an attempt of the launcher ended. */
export interface AttemptEnd {
  /**
   * `done`: what the application left is saved; `failed`: the launcher could not save it; `died`: it ended unheard;
   * `unseen`: the pod ended and no launcher had shown itself.
   */
  readonly kind: "done" | "failed" | "died" | "unseen";
  /** Names this end: that of another attempt has another. */
  readonly id: string;
  readonly attempt: string | null;
  /** What the launcher says of it; null where it died or was never seen. */
  readonly marker: DoneMarker | null;
  /** Where the outputs are or would be, relative to the volume; null where that is not known: the whole outputs folder. */
  readonly outputs: readonly string[] | null;
}

/** What a sidecar knows beside the volume. */
export interface SidecarState {
  /** The end that was dealt with last, by its id. */
  readonly handled: string | undefined;
  /** Whether the pod is ending: no launcher will start any more. */
  readonly ending: boolean;
}

/**
 * Looks at the volume. The lease is read before and after the markers and has to be the same: then no launcher started in
 * between, and a marker that is not there was not removed by one that lives (docs/protocol.md, "The end of an attempt").
 */
export function observe(volume: SharedVolume, lease: () => Promise<LeaseState>): Promise<Observation> {
  const look = async () => {
    const before = await lease();
    const started = await volume.read(SHARE.started, parseStartedMarker);
    const doneFailed = await volume.read(SHARE.doneFailed, parseDoneMarker);
    const done = await volume.read(SHARE.done, parseDoneMarker);
    const after = await lease();
    return sameLease(before, after) ? { started, done, doneFailed, lease: after } : undefined;
  };
  return volume.until(look, { names: [] });
}

/**
 * What there is to do: an end that was not dealt with yet, `wait` for one, or `over` when none will come any more. Pure
 * (docs/protocol.md, "The end of an attempt").
 */
export function nextEnd(seen: Observation, state: SidecarState): AttemptEnd | "wait" | "over" {
  const end = endOf(seen);
  if (end !== undefined && end.id !== state.handled) return end;
  if (!state.ending || seen.lease.kind === "held") return "wait";
  if (state.handled !== undefined) return "over";
  return { ...died("no launcher", seen.started, null), kind: hasStarted(seen) ? "died" : "unseen" };
}

/** Whether a launcher ever showed itself on the volume. Pure. */
export function hasStarted({ started, done, doneFailed, lease }: Observation): boolean {
  return lease.kind !== "none" || started !== undefined || done !== undefined || doneFailed !== undefined;
}

function endOf({ started, done, doneFailed, lease }: Observation): AttemptEnd | undefined {
  if (doneFailed !== undefined) return failed(doneFailed, started);
  if (done !== undefined) {
    const outputs = done.outputs === null ? null : [...done.outputs, ...done.logs].map(({ path }) => path);
    return { kind: "done", id: `done ${done.attempt}`, attempt: done.attempt, marker: done, outputs };
  }
  // A launcher that holds leases says where its outputs will be before it does anything: without that it did nothing.
  return lease.kind === "ended" ? died(lease.id, started, []) : undefined;
}

function failed(marker: DoneMarker, started: StartedMarker | undefined): AttemptEnd {
  const { attempt, phase } = marker;
  const saved = marker.outputs?.map(({ path }) => path) ?? null;
  const announced = started?.attempt === attempt ? started.outputs : saved;
  const outputs = phase === "init" ? [] : announced;
  return { kind: "failed", id: `failed ${attempt}`, attempt, marker, outputs };
}

function died(id: string, started: StartedMarker | undefined, unannounced: readonly string[] | null): AttemptEnd {
  const outputs = started === undefined ? unannounced : started.outputs;
  return { kind: "died", id: `died ${id}`, attempt: started?.attempt ?? null, marker: null, outputs };
}
