import { isMediaType } from "../cli/media-type.ts";
import {
  type ArtifactRecord,
  artifactField,
  isArtifact,
  isObject,
  type JsonObject,
  numberField,
  parseObject,
  textField,
} from "./marker-fields.ts";

export type { CheckpointMarker, CheckpointPushedMarker, RestoredCheckpoint, ResumeMode } from "./checkpoint-markers.ts";
export { type InitMarker, parseInitMarker } from "./init-marker.ts";
export type { ArtifactRecord } from "./marker-fields.ts";

/** The default folder of the shared volume. */
export const DEFAULT_SHARE = "/mnt/oras";

/**
 * The launcher and the sidecar communicate through these files and folders on the shared volume (docs/protocol.md).
 * Success and failure have markers with different names. Therefore, a waiting program can check which marker exists,
 * and does not need to read the marker.
 */
export const SHARE = {
  /** The launcher's lease: a socket that is open while the launcher lives (`lease.ts`). */
  lease: "oras-operator-lease.sock",
  /** The sidecar's lease: a socket that is open while the sidecar lives. */
  sidecarLease: "oras-operator-sidecar-lease.sock",
  /** The launcher started. The content is a {@link StartedMarker} with the outputs that the launcher will save. */
  started: "oras-operator-started.txt",
  /** The inputs are in place: the application may start. */
  init: "oras-operator-init.txt",
  /** The inputs could not be pulled: the application must not start. */
  initFailed: "oras-operator-init-failed.txt",
  /** The application ended and its outputs are saved. The content is a {@link DoneMarker}. */
  done: "oras-operator-done.txt",
  /** The launcher ended, but did not save all outputs. The content is a {@link DoneMarker} with an error. */
  doneFailed: "oras-operator-done-failed.txt",
  /** The outputs are in the registry. The content is a {@link PushedMarker}. */
  pushed: "oras-operator-pushed.txt",
  /** The outputs could not be pushed. The content is a {@link FailureMarker}. */
  pushFailed: "oras-operator-push-failed.txt",
  /**
   * The newest checkpoint folder is complete and has its final name. The content of this marker is a
   * {@link CheckpointMarker}.
   */
  checkpoint: "oras-operator-checkpoint.txt",
  /** The sidecar has pushed a checkpoint, or the push failed. The content is a {@link CheckpointPushedMarker}. */
  checkpointPushed: "oras-operator-checkpoint-pushed.txt",
  /** The application creates this file to request an immediate checkpoint. The launcher removes the file. */
  checkpointNow: "oras-operator-checkpoint-now.txt",
  /** The folders of the checkpoints. The name of each folder is the number of its checkpoint. */
  checkpoints: "checkpoints",
  /** The inputs that the sidecar pulled for the application. */
  inputs: "inputs",
  /** The outputs that the launcher saved for the sidecar. */
  outputs: "outputs",
  /** The application's stdout and stderr, if the launcher saves them. */
  logs: "logs",
} as const;

/** The phase that the launcher reached. */
export type Phase = "init" | "run" | "copy" | "done";

/** The content of the started marker. */
export interface StartedMarker {
  readonly schema: 1;
  /** A random id. The launcher makes a new id at each start. */
  readonly attempt: string | null;
  /** The start time (RFC 3339, UTC). */
  readonly startedAt: string | null;
  /**
   * Paths of the outputs, relative to the volume. If the value is null, everything in the outputs folder is an output.
   */
  readonly outputs: readonly string[] | null;
}

/** One output that the launcher saved. */
export interface OutputRecord {
  /** A path relative to the volume. */
  readonly path: string;
  /** Number of regular files. */
  readonly files: number;
  /** Total size of the files, in bytes. */
  readonly bytes: number;
  /** The media type that the user chose for this output's layer. If undefined, the layer gets the default type. */
  readonly mediaType?: string;
}

/**
 * The maximum number of outputs that each get their own record and layer. The maximum applies to the matches of all
 * patterns together, and separately to the entries of the outputs folder.
 */
export const MAX_OUTPUTS = 1000;

/** A path that the launcher could not save. */
export interface MissingOutput {
  /** The path in the launcher's container. A long path is shortened. */
  readonly path: string;
  readonly reason: string;
}

/**
 * The content of the done marker. A field is null if its value is unknown, for example if `touch` created the marker.
 */
export interface DoneMarker {
  readonly schema: 1;
  /** A random id. The launcher makes a new id at each start. */
  readonly attempt: string | null;
  readonly phase: Phase;
  /**
   * The application's exit code. Null if the application never ran. `128 + n` means that signal n ended the
   * application. 124 means that the application timed out.
   */
  readonly exitCode: number | null;
  /** The signal that ended the application, such as `SIGKILL`. */
  readonly signal: string | null;
  /**
   * The reason why the launcher stopped the application or did not start it. Null if the application ended by itself.
   */
  readonly reason: string | null;
  /** The start time (RFC 3339, UTC). */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** The saved outputs. If the value is null, everything in the outputs folder is an output. */
  readonly outputs: readonly OutputRecord[] | null;
  /** The saved stdout and stderr. Empty if the launcher did not save them. */
  readonly logs: readonly OutputRecord[];
  /** The failure of the launcher itself. Null if the launcher did not fail. */
  readonly error: string | null;
  /**
   * The paths that the launcher could not save. Undefined if all paths were saved. A long list is truncated. The
   * launcher sets this field only after it has tried to save all outputs. If the field is set, `outputs` lists all
   * outputs that the launcher could save.
   */
  readonly missing?: readonly MissingOutput[];
  /** The number of all paths that the launcher could not save, even if `missing` lists fewer paths. */
  readonly missingCount?: number;
  /** The artifact of an earlier run. If this field is set, the launcher skipped the application. */
  readonly skipped?: ArtifactRecord;
  /** The number of the checkpoint that the launcher restored. Undefined if the launcher restored no checkpoint. */
  readonly resumedFrom?: number;
}

/** The content of the pushed marker. */
export interface PushedMarker extends ArtifactRecord {
  readonly schema: 1;
  /** The attempt that wrote the outputs. Null if the done marker contains no attempt. */
  readonly attempt: string | null;
  readonly finishedAt: string;
}

/** The content of the marker that reports a failed init or a failed push. */
export interface FailureMarker {
  readonly schema: 1;
  readonly attempt: string | null;
  readonly exitCode: number;
  readonly error: string;
}

/**
 * The parsed content of an empty done marker, for example of a file that `touch` made. The step is done, and nothing
 * more is known.
 */
export const NOTHING_KNOWN: DoneMarker = {
  schema: 1,
  attempt: null,
  phase: "done",
  exitCode: null,
  signal: null,
  reason: null,
  startedAt: null,
  finishedAt: null,
  outputs: null,
  logs: [],
  error: null,
};

/**
 * Parses a done marker. Returns {@link NOTHING_KNOWN} for an empty text, and undefined if the text is invalid or still
 * incomplete.
 */
export function parseDoneMarker(text: string): DoneMarker | undefined {
  const fields = parseObject(text);
  if (fields === undefined) return undefined;
  return {
    schema: 1,
    attempt: textField(fields, "attempt"),
    phase: phaseField(fields),
    exitCode: typeof fields.exitCode === "number" ? fields.exitCode : null,
    signal: textField(fields, "signal"),
    reason: textField(fields, "reason"),
    startedAt: textField(fields, "startedAt"),
    finishedAt: textField(fields, "finishedAt"),
    outputs: recordsField(fields, "outputs"),
    logs: recordsField(fields, "logs") ?? [],
    error: textField(fields, "error"),
    ...missingFields(fields),
    ...artifactField(fields, "skipped"),
    ...numberField(fields, "resumedFrom"),
  };
}

/**
 * Parses a started marker. If the text is empty, `attempt`, `startedAt` and `outputs` are null. Returns undefined if
 * the text is invalid or still incomplete.
 */
export function parseStartedMarker(text: string): StartedMarker | undefined {
  const fields = parseObject(text);
  if (fields === undefined) return undefined;
  const outputs = Array.isArray(fields.outputs) ? fields.outputs.filter((path) => typeof path === "string") : null;
  return { schema: 1, attempt: textField(fields, "attempt"), startedAt: textField(fields, "startedAt"), outputs };
}

/** Parses a pushed marker. Returns undefined if the text is invalid or still incomplete. */
export function parsePushedMarker(text: string): PushedMarker | undefined {
  const fields = parseObject(text);
  if (fields === undefined || !isArtifact(fields)) return undefined;
  const { reference, digest } = fields;
  const finishedAt = textField(fields, "finishedAt") ?? "";
  return { schema: 1, attempt: textField(fields, "attempt"), reference, digest, finishedAt };
}

/**
 * Parses a failure marker. If the text is empty, `error` says that no reason was given. Returns undefined if the text
 * is invalid or still incomplete.
 */
export function parseFailureMarker(text: string): FailureMarker | undefined {
  const fields = parseObject(text);
  if (fields === undefined) return undefined;
  return {
    schema: 1,
    attempt: textField(fields, "attempt"),
    exitCode: typeof fields.exitCode === "number" ? fields.exitCode : 1,
    error: textField(fields, "error") ?? "no reason given",
  };
}

function phaseField(fields: JsonObject): Phase {
  const phase = fields.phase;
  return phase === "init" || phase === "run" || phase === "copy" ? phase : "done";
}

function recordsField(fields: JsonObject, name: string): OutputRecord[] | null {
  const records = fields[name];
  if (!Array.isArray(records)) return null;
  return records.filter(isOutput).map(({ path, files, bytes, mediaType }) => ({
    path,
    files,
    bytes,
    ...(typeof mediaType === "string" && isMediaType(mediaType) ? { mediaType } : {}),
  }));
}

function missingFields({ missing, missingCount }: JsonObject): Pick<DoneMarker, "missing" | "missingCount"> {
  if (!Array.isArray(missing)) return {};
  const listed = missing.filter(isMissing).map(({ path, reason }) => ({ path, reason }));
  return { missing: listed, missingCount: typeof missingCount === "number" ? missingCount : listed.length };
}

function isMissing(value: unknown): value is MissingOutput {
  return isObject(value) && typeof value.path === "string" && typeof value.reason === "string";
}

function isOutput(value: unknown): value is OutputRecord {
  if (!isObject(value)) return false;
  return typeof value.path === "string" && typeof value.files === "number" && typeof value.bytes === "number";
}
