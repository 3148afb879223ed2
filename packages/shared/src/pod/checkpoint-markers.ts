import { isObject, type JsonObject, numberField, parseObject, textField } from "./marker-fields.ts";

/**
 * What happens if a checkpoint exists, but cannot be restored. `required`: the run fails. `best-effort`: the run starts
 * from the beginning.
 */
export type ResumeMode = "required" | "best-effort";

/**
 * The name of the folder for a pulled checkpoint. The folder `checkpoints` of the shared volume contains this folder.
 */
export const RESTORED_CHECKPOINT = "restored";

/** A checkpoint that the sidecar pulled. */
export interface RestoredCheckpoint {
  readonly number: number;
  /** The patterns that selected the files of the checkpoint. */
  readonly patterns: readonly string[];
}

/** The content of the marker for the newest checkpoint. */
export interface CheckpointMarker extends RestoredCheckpoint {
  readonly schema: 1;
  /** The attempt that took the checkpoint. */
  readonly attempt: string;
  /** Number of files. */
  readonly files: number;
  /** Total size of the files, in bytes. */
  readonly bytes: number;
  /** The time of the checkpoint (RFC 3339, UTC). */
  readonly takenAt: string;
}

/** The content of the marker that reports whether the push of a checkpoint succeeded. */
export interface CheckpointPushedMarker {
  readonly schema: 1;
  readonly number: number;
  /** The reference of the checkpoint in the registry. Null if the push failed. */
  readonly reference: string | null;
  readonly digest: string | null;
  /** The reason why the push failed. Null if the push succeeded. */
  readonly error: string | null;
}

/** Parses a checkpoint marker. Returns undefined if the text is invalid or still incomplete. */
export function parseCheckpointMarker(text: string): CheckpointMarker | undefined {
  const fields = parseObject(text);
  const checkpoint = fields && checkpointOf(fields);
  const attempt = fields && textField(fields, "attempt");
  if (!fields || checkpoint === undefined || typeof attempt !== "string") return undefined;
  const { files = 0 } = numberField(fields, "files");
  const { bytes = 0 } = numberField(fields, "bytes");
  return { schema: 1, ...checkpoint, attempt, files, bytes, takenAt: textField(fields, "takenAt") ?? "" };
}

/**
 * Parses the marker that reports the push of a checkpoint. Returns undefined if the text is invalid or still
 * incomplete.
 */
export function parseCheckpointPushedMarker(text: string): CheckpointPushedMarker | undefined {
  const fields = parseObject(text);
  const { number } = fields === undefined ? {} : numberField(fields, "number");
  if (fields === undefined || number === undefined) return undefined;
  const [reference, digest, error] = ["reference", "digest", "error"].map((name) => textField(fields, name));
  return { schema: 1, number, reference: reference ?? null, digest: digest ?? null, error: error ?? null };
}

/** Parses the checkpoint fields of an init marker. Omits invalid fields. */
export function resumeFields(fields: JsonObject): {
  readonly resume?: ResumeMode;
  readonly checkpoint?: RestoredCheckpoint;
  readonly lastCheckpoint?: number;
} {
  const { resume } = fields;
  const checkpoint = isObject(fields.checkpoint) ? checkpointOf(fields.checkpoint) : undefined;
  return {
    ...(resume === "required" || resume === "best-effort" ? { resume } : {}),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...numberField(fields, "lastCheckpoint"),
  };
}

function checkpointOf(fields: JsonObject): RestoredCheckpoint | undefined {
  const { number } = numberField(fields, "number");
  const { patterns } = fields;
  if (number === undefined || !Array.isArray(patterns)) return undefined;
  return { number, patterns: patterns.filter((pattern) => typeof pattern === "string") };
}
