import { ANNOTATIONS, RUN_PREFIX } from "../oci/annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";

/**
 * Converts an object to annotations. Each key of the object is a key of {@link ANNOTATIONS}. Replaces this key with the
 * full name of the annotation. Skips missing and empty values.
 */
export function annotationsOf(
  known: Partial<Record<keyof typeof ANNOTATIONS, string | null | undefined>>,
): Annotations {
  return Object.fromEntries(
    Object.entries(known)
      .filter((entry): entry is [keyof typeof ANNOTATIONS, string] => Boolean(entry[1]))
      .map(([name, value]) => [ANNOTATIONS[name], value]),
  );
}

/**
 * Returns the reason why an artifact is not the output of a successful run. The reason comes from the artifact's
 * annotations. Returns undefined if the annotations report no failure. This function is pure.
 */
export function failedRunReason(annotations: Annotations): string | undefined {
  const reason = annotations[ANNOTATIONS.reason];
  const why = reason === undefined ? "" : `: ${reason}`;
  if (annotations[ANNOTATIONS.incomplete] === "true") return `it is the incomplete output of a run${why}`;
  const code = annotations[ANNOTATIONS.exitCode];
  if (code === "0") return undefined;
  if (code !== undefined) return `it is the output of a run that failed with exit code ${code}${why}`;
  return reason === undefined ? undefined : `it is the output of a run that failed${why}`;
}

/**
 * The state of the run that an artifact comes from. `checkpoint` means that the artifact is a checkpoint, which the run
 * saved before the run ended. `other` means that the artifact does not come from a run.
 */
export type RunState = "succeeded" | "failed" | "incomplete" | "checkpoint" | "other";

/** All states, in the order in which help texts list the states. */
export const RUN_STATES: readonly RunState[] = ["succeeded", "failed", "incomplete", "checkpoint", "other"];

/** Returns the state of the run that an artifact's annotations describe. This function is pure. */
export function runState(annotations: Annotations): RunState {
  if (!Object.keys(annotations).some((name) => name.startsWith(RUN_PREFIX))) return "other";
  if (annotations[ANNOTATIONS.incomplete] === "true") return "incomplete";
  if (annotations[ANNOTATIONS.checkpoint] !== undefined) return "checkpoint";
  return failedRunReason(annotations) === undefined ? "succeeded" : "failed";
}
