import { isObject, type JsonObject, numberField, parseObject, textField } from "./marker-fields.ts";

/**
 * What happens if a checkpoint exists, but cannot be restored. `required`: the run fails. `best-effort`: the run starts
 * from the beginning.
 */
export type ResumeMode = "required" | "best-effort";

/** The folder of a pulled checkpoint, below the folder of the checkpoints. */
export const RESTORED_CHECKPOINT = "restored";

/** A checkpoint that the sidecar pulled. */
export interface RestoredCheckpoint {
  readonly number: number;
  /** The launcher took the checkpoint with these patterns. */
  readonly patterns: readonly string[];
}

/** The content of the marker for the newest checkpoint. */
export interface CheckpointMarker extends RestoredCheckpoint {
  readonly schema: 1;
  /** The attempt that wrote all files of the checkpoint. */
  readonly attempt: string;
  /** Number of files. */
  readonly files: number;
  /** Sum of the sizes of these files, in bytes. */
  readonly bytes: number;
  /** When the checkpoint was taken (RFC 3339, UTC). */
  readonly takenAt: string;
}

/** The content of the marker for a checkpoint that the sidecar handled. */
export interface CheckpointPushedMarker {
  readonly schema: 1;
  readonly number: number;
  /** The reference of the checkpoint in the registry; null if the push failed. */
  readonly reference: string | null;
  readonly digest: string | null;
  /** The reason why the push failed; null after a push. */
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

/** Parses the marker for a handled checkpoint. Returns undefined if the text is invalid or still incomplete. */
export function parseCheckpointPushedMarker(text: string): CheckpointPushedMarker | undefined {
  const fields = parseObject(text);
  const { number } = fields === undefined ? {} : numberField(fields, "number");
  if (fields === undefined || number === undefined) return undefined;
  const [reference, digest, error] = ["reference", "digest", "error"].map((name) => textField(fields, name));
  return { schema: 1, number, reference: reference ?? null, digest: digest ?? null, error: error ?? null };
}

/** Parses the fields of an init marker that concern checkpoints. Omits invalid fields. */
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
