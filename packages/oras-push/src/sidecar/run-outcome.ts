import { ToolError } from "shared/cli/tool-error";
import { annotationsOf } from "../artifact/run-annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";
import type { Reference } from "../oci/reference.ts";
import type { AttemptEnd } from "./attempt-end.ts";

/**
 * What the sidecar does with the outputs of an unsuccessful run. `push` pushes the outputs to a separate tag. `discard`
 * pushes nothing.
 */
export type KeepPolicy = "push" | "discard";

/** How a sidecar handles unsuccessful runs. */
export interface OutcomePolicies {
  /** What to do with the outputs if the application failed. The default is `push`. */
  readonly failedRun: KeepPolicy;
  /** What to do with the outputs if the launcher died, failed or never started. The default is `push`. */
  readonly incompleteRun: KeepPolicy;
}

/** How a run ended. A run is `incomplete` if the launcher did not save all outputs. */
export type RunKind = "succeeded" | "failed" | "incomplete";

/** How to handle an attempt that ended. */
export interface RunOutcome {
  readonly run: RunKind;
  /** The reason why the sidecar does not push the outputs. Undefined if the sidecar pushes the outputs. */
  readonly notPushedReason: string | undefined;
  /** The annotations of the run. */
  readonly annotations: Annotations;
  /**
   * The sidecar ends with this failure, even if the push of the partial outputs succeeds. Undefined if the launcher
   * saved the outputs.
   */
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
      ? `the run ${run === "failed" ? "failed" : "is incomplete"}, and --${run}-run is set to discard`
      : undefined,
    annotations: endAnnotations(end, run),
    failure: failureOf(end),
  };
}

/**
 * The reference for the outputs of a run. A successful run gets the requested tag. Any other run gets the requested tag
 * plus a suffix. The parser of the command line has already checked the length of this longer tag.
 */
export function runReference(reference: Reference, run: RunKind): Reference {
  return run === "succeeded" ? reference : { ...reference, tag: `${reference.tag}${SUFFIXES[run]}` };
}

/** The suffixes of the tags for unsuccessful runs. */
const SUFFIXES = { failed: "-failed", incomplete: "-incomplete" } as const;

/** The suffix of the tag for the checkpoints of a run. */
export const CHECKPOINT_SUFFIX = "-checkpoint";

/** The reference for the checkpoints of a run. */
export function checkpointReference(reference: Reference): Reference {
  return { ...reference, tag: `${reference.tag}${CHECKPOINT_SUFFIX}` };
}

/** Whether a tag has the suffix of an unsuccessful run or of a checkpoint. This function is pure. */
export function isRunSuffixed(tag: string): boolean {
  return [...Object.values(SUFFIXES), CHECKPOINT_SUFFIX].some((suffix) => tag.endsWith(suffix));
}

/**
 * Returns the suffixes that the sidecar can add to the requested tag: `-failed` if `failedRun` is `push`, and
 * `-incomplete` if `incompleteRun` is `push`.
 */
export function tagSuffixes({ failedRun, incompleteRun }: OutcomePolicies): string[] {
  const pushed = { failed: failedRun === "push", incomplete: incompleteRun === "push" };
  return (["failed", "incomplete"] as const).filter((run) => pushed[run]).map((run) => SUFFIXES[run]);
}

function runKind({ kind, marker }: AttemptEnd): RunKind {
  if (kind !== "done" || marker === null) return "incomplete";
  // If a marker has an exit code, only this code decides whether the run succeeded. A run with exit code 0 succeeded
  // even if the application received SIGTERM. If a marker has no exit code and no reason, the run counts as a success.
  // For example, a user can create an empty marker with `touch`.
  const { exitCode, reason } = marker;
  return exitCode === 0 || (exitCode === null && reason === null) ? "succeeded" : "failed";
}

/** The maximum length of a reason in an annotation, in characters. */
export const MAX_REASON = 1000;

/** The reasons for an end without a marker. */
const REASONS_WITHOUT_MARKER: Partial<Record<AttemptEnd["kind"], string>> = {
  died: "the launcher died",
  unseen: "no launcher started before the pod terminated",
};

function endAnnotations({ kind, attempt, marker }: AttemptEnd, run: RunKind): Annotations {
  return annotationsOf({
    exitCode: marker?.exitCode?.toString(),
    signal: marker?.signal,
    reason: (REASONS_WITHOUT_MARKER[kind] ?? marker?.error ?? marker?.reason)?.slice(0, MAX_REASON),
    attempt,
    startedAt: marker?.startedAt,
    finishedAt: marker?.finishedAt,
    resumedFrom: marker?.resumedFrom?.toString(),
    incomplete: run === "incomplete" ? "true" : null,
  });
}

function failureOf({ kind, marker }: AttemptEnd): ToolError | undefined {
  if (kind === "done") return undefined;
  if (kind === "died")
    return new ToolError("launcherDied", "the launcher died before it finished", {
      hint: "check whether the application's container ran out of memory, was evicted, or was lost with its node",
    });
  if (kind === "unseen")
    return new ToolError("launcherDied", "no launcher started before the pod terminated", {
      hint: "the pod was deleted before its application started, or the application died before it wrote a marker",
    });
  const why = marker?.error ?? "no reason given";
  const what = marker?.phase === "init" ? "start the command" : "save the outputs";
  return new ToolError("noInput", `the launcher could not ${what}`, { why });
}
