import { type RestoredCheckpoint, type ResumeMode, resumeFields } from "./checkpoint-markers.ts";
import { type ArtifactRecord, artifactField, isArtifact, parseObject } from "./marker-fields.ts";

/** The content of the init marker. */
export interface InitMarker {
  readonly schema: 1;
  readonly by: "launcher" | "sidecar";
  /** The pulled artifacts, in the order of the inputs on the command line. */
  readonly inputs: readonly ArtifactRecord[];
  /**
   * The inputs from the sidecar's command line: references and tag patterns. Undefined if no input is a tag pattern.
   */
  readonly sources?: readonly string[];
  /**
   * The output of an earlier run with the same inputs. If this field is set, the launcher must skip the application.
   */
  readonly done?: ArtifactRecord;
  /** How the launcher must resume an interrupted run. If undefined, the launcher must not restore a checkpoint. */
  readonly resume?: ResumeMode;
  /** The checkpoint that the sidecar pulled. Undefined if the sidecar pulled no checkpoint. */
  readonly checkpoint?: RestoredCheckpoint;
  /**
   * The number of the checkpoint that the sidecar found in the registry. This field is set even if the sidecar does not
   * use this checkpoint. Undefined if the sidecar found no checkpoint. Also undefined if the sidecar failed to pull the
   * checkpoint.
   */
  readonly lastCheckpoint?: number;
}

/**
 * Parses an init marker. If the text is empty, the list of inputs is empty. Returns undefined if the text is invalid or
 * still incomplete.
 */
export function parseInitMarker(text: string): InitMarker | undefined {
  const fields = parseObject(text);
  if (fields === undefined) return undefined;
  const inputs = Array.isArray(fields.inputs) ? fields.inputs.filter(isArtifact) : [];
  const sources = Array.isArray(fields.sources)
    ? fields.sources.filter((source) => typeof source === "string")
    : undefined;
  return {
    schema: 1,
    by: fields.by === "launcher" ? "launcher" : "sidecar",
    inputs,
    ...(sources === undefined ? {} : { sources }),
    ...artifactField(fields, "done"),
    ...resumeFields(fields),
  };
}
