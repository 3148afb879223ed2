import { ToolError } from "shared/cli/tool-error";
import type { Annotations } from "../oci/descriptor.ts";
import { ANNOTATIONS } from "../oci/media-types.ts";
import { MAX_TAG_LENGTH, type Reference } from "../oci/reference.ts";
import type { AttemptEnd } from "./attempt-end.ts";
import { annotations } from "./provenance.ts";

/** What becomes of the outputs of a run that is no success: pushed under a tag of their own, or not pushed. */
export type KeepPolicy = "push" | "discard";

/** What a sidecar does with runs that are no success. */
export interface OutcomePolicies {
  /** Of an application that failed; `push` by default. */
  readonly failedRun: KeepPolicy;
  /** Of a launcher that died, failed itself or was never seen; `push` by default. */
  readonly incompleteRun: KeepPolicy;
}

/** How a run counts: `incomplete` where the launcher did not come to save all of its outputs. */
export type RunKind = "succeeded" | "failed" | "incomplete";

/** What is to be done about an attempt that ended. */
export interface RunOutcome {
  readonly run: RunKind;
  /** Why nothing is pushed, in a few words; undefined where something is. */
  readonly unpushed: string | undefined;
  /** What a consumer of the artifact has to know of the run. */
  readonly annotations: Annotations;
  /** What the sidecar ends with beside the push; undefined for a success. */
  readonly failure: ToolError | undefined;
}

/** What is to be done about an attempt that ended. Pure (docs/protocol.md, "What is pushed"). */
export function runOutcome(end: AttemptEnd, policies: OutcomePolicies): RunOutcome {
  const run = runKind(end);
  const discarded =
    (run === "failed" && policies.failedRun === "discard") ||
    (run === "incomplete" && policies.incompleteRun === "discard");
  return {
    run,
    unpushed: discarded
      ? `the run ${run === "failed" ? "failed" : "is incomplete"}, and such are discarded`
      : undefined,
    annotations: endAnnotations(end, run),
    failure: failureOf(end),
  };
}

/** Where the outputs of a run go: to the tag that was asked for only those of a success, else to one of their own. */
export function runReference(reference: Reference, run: RunKind): Reference {
  if (run === "succeeded") return reference;
  const suffix = `-${run}`;
  return { ...reference, tag: `${(reference.tag ?? "latest").slice(0, MAX_TAG_LENGTH - suffix.length)}${suffix}` };
}

/** Why an artifact can't be an input, by its annotations; undefined for the output of a success. Pure. */
export function unfitInput(annotations: Annotations): string | undefined {
  const reason = annotations[ANNOTATIONS.reason];
  const why = reason === undefined ? "" : `: ${reason}`;
  if (annotations[ANNOTATIONS.incomplete] === "true") return `it is the incomplete output of a run${why}`;
  const code = annotations[ANNOTATIONS.exitCode];
  if (code === "0") return undefined;
  if (code !== undefined) return `it is the output of a run that failed with exit code ${code}${why}`;
  return reason === undefined ? undefined : `it is the output of a run that failed${why}`;
}

function runKind({ kind, marker }: AttemptEnd): RunKind {
  if (kind !== "done" || marker === null) return "incomplete";
  // The code alone decides: who was told to end and ended with 0 says that all is well. One of which nothing is known, as
  // after `touch`, counts as a success.
  const { exitCode, reason } = marker;
  return exitCode === 0 || (exitCode === null && reason === null) ? "succeeded" : "failed";
}

/** What is said of an attempt whose launcher says nothing. */
const UNHEARD: Partial<Record<AttemptEnd["kind"], string>> = {
  died: "the launcher died",
  unseen: "no launcher had shown itself when the pod ended",
};

function endAnnotations({ kind, attempt, marker }: AttemptEnd, run: RunKind): Annotations {
  return annotations({
    exitCode: marker?.exitCode?.toString(),
    signal: marker?.signal,
    reason: UNHEARD[kind] ?? marker?.error ?? marker?.reason,
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
      hint: "the application's container tells why: out of memory, evicted, or its node went down",
    });
  if (kind === "unseen")
    return new ToolError("launcherDied", "no launcher had shown itself when the pod ended", {
      hint: "the pod was deleted before its application started, or that died without a word",
    });
  const why = marker?.error ?? "no reason given";
  return new ToolError("noInput", "the launcher could not save the outputs", { why });
}
