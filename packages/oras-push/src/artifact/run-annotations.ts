import { ANNOTATIONS } from "../oci/annotations.ts";
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
