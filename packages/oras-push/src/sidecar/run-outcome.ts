import { ToolError } from "shared/cli/tool-error";
import { annotationsOf } from "../artifact/run-annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { MAX_TAG_LENGTH, type Reference } from "../oci/reference.ts";
import type { AttemptEnd } from "./attempt-end.ts";

/** What happens to the outputs of an unsuccessful run: pushed to a separate tag, or discarded. */
export type KeepPolicy = "push" | "discard";

/** How a sidecar handles unsuccessful runs. */
export interface OutcomePolicies {
  /** For an application that failed; `push` by default. */
  readonly failedRun: KeepPolicy;
  /** For a launcher that died, failed itself or never started; `push` by default. */
  readonly incompleteRun: KeepPolicy;
}

/** The kind of a run; `incomplete` if the launcher did not save all outputs. */
export type RunKind = "succeeded" | "failed" | "incomplete";

/** How to handle an attempt that ended. */
export interface RunOutcome {
  readonly run: RunKind;
  /** The reason why the outputs are not pushed; undefined if they are pushed. */
  readonly notPushedReason: string | undefined;
  /** The annotations of the run. */
  readonly annotations: Annotations;
  /** The failure that ends the sidecar despite a push; undefined for a success. */
  readonly failure: ToolError | undefined;
}

/** Decides how to handle an attempt that ended. This function is pure (docs/protocol.md, "What is pushed"). */
export function runOutcome(end: AttemptEnd, policies: OutcomePolicies): RunOutcome {
  const run = runKind(end);
  const discarded =
    (run === "failed" && policies.failedRun === "discard") ||
    (run === "incomplete" && policies.incompleteRun === "discard");
  return {
    run,
    notPushedReason: discarded
      ? `the run ${run === "failed" ? "failed" : "is incomplete"}, and --${run}-run is discard`
      : undefined,
    annotations: endAnnotations(end, run),
    failure: failureOf(end),
  };
}

/** The reference for the outputs of a run: the requested tag for a success, else a tag with a suffix. */
export function runReference(reference: Reference, run: RunKind): Reference {
  if (run === "succeeded") return reference;
  const suffix = `-${run}`;
  return { ...reference, tag: `${(reference.tag ?? "latest").slice(0, MAX_TAG_LENGTH - suffix.length)}${suffix}` };
}

function runKind({ kind, marker }: AttemptEnd): RunKind {
  if (kind !== "done" || marker === null) return "incomplete";
  // The exit code alone decides: an application that got SIGTERM and exited with 0 succeeded. An unknown result, as after
  // `touch`, counts as a success.
  const { exitCode, reason } = marker;
  return exitCode === 0 || (exitCode === null && reason === null) ? "succeeded" : "failed";
}

/** The reason for an end without a marker. */
const REASONS_WITHOUT_MARKER: Partial<Record<AttemptEnd["kind"], string>> = {
  died: "the launcher died",
  unseen: "no launcher started before the pod terminated",
};

function endAnnotations({ kind, attempt, marker }: AttemptEnd, run: RunKind): Annotations {
  return annotationsOf({
    exitCode: marker?.exitCode?.toString(),
    signal: marker?.signal,
    reason: REASONS_WITHOUT_MARKER[kind] ?? marker?.error ?? marker?.reason,
    attempt,
    startedAt: marker?.startedAt,
    finishedAt: marker?.finishedAt,
    incomplete: run === "incomplete" ? "true" : null,
  });
}

function failureOf({ kind, marker }: AttemptEnd): ToolError | undefined {
  if (kind === "done") return undefined;
  if (kind === "died")
    return new ToolError("launcherDied", "the launcher died before it finished", {
      hint: "see the state of the application's container: out of memory, evicted, or lost with its node",
    });
  if (kind === "unseen")
    return new ToolError("launcherDied", "no launcher started before the pod terminated", {
      hint: "the pod was deleted before its application started, or the application died without a marker",
    });
  const why = marker?.error ?? "no reason given";
  return new ToolError("noInput", "the launcher could not save the outputs", { why });
}
