/** The default folder of the shared volume. */
export const DEFAULT_SHARE = "/mnt/oras";

/**
 * The files and folders on the shared volume through which the launcher and the sidecar communicate (docs/protocol.md).
 * Success and failure have different names, so that a waiting program need not read a file.
 */
export const SHARE = {
  /** The launcher's lease: a socket that is open while the launcher lives (`lease.ts`). */
  lease: "oras-operator-lease.sock",
  /** The sidecar's lease: a socket that is open while the sidecar lives. */
  sidecarLease: "oras-operator-sidecar-lease.sock",
  /** The launcher started; {@link StartedMarker} lists its future outputs. */
  started: "oras-operator-started.txt",
  /** The inputs are in place: the application may start. */
  init: "oras-operator-init.txt",
  /** The inputs could not be pulled: the application must not start. */
  initFailed: "oras-operator-init-failed.txt",
  /** The application ended and its outputs are saved; {@link DoneMarker}. */
  done: "oras-operator-done.txt",
  /** The launcher ended without saving the outputs; {@link DoneMarker} with an error. */
  doneFailed: "oras-operator-done-failed.txt",
  /** The outputs are in the registry; {@link PushedMarker}. */
  pushed: "oras-operator-pushed.txt",
  /** The outputs could not be pushed; {@link FailureMarker}. */
  pushFailed: "oras-operator-push-failed.txt",
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
  /** A random id, new at each start of the launcher. */
  readonly attempt: string | null;
  /** RFC 3339, UTC. */
  readonly startedAt: string | null;
  /** Paths of the outputs, relative to the volume. Null if unknown: then everything in the outputs folder counts. */
  readonly outputs: readonly string[] | null;
}

/** One output that the launcher saved. */
export interface OutputRecord {
  /** Relative to the volume. */
  readonly path: string;
  /** Number of regular files. */
  readonly files: number;
  /** Sum of their sizes. */
  readonly bytes: number;
}

/** The content of the done marker. Null means unknown, for example in a marker made with `touch`. */
export interface DoneMarker {
  readonly schema: 1;
  /** A random id, new at each start of the launcher. */
  readonly attempt: string | null;
  readonly phase: Phase;
  /** The application's exit code, `128 + n` for signal n, 124 if it timed out; null if it never ran. */
  readonly exitCode: number | null;
  /** The signal that ended the application, such as `SIGKILL`. */
  readonly signal: string | null;
  /** The reason why the application was not started, or was stopped; null if it ended by itself. */
  readonly reason: string | null;
  /** RFC 3339, UTC. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** The saved outputs. Null if unknown: then everything in the outputs folder counts. */
  readonly outputs: readonly OutputRecord[] | null;
  /** The saved stdout and stderr; empty if none was saved. */
  readonly logs: readonly OutputRecord[];
  /** The failure of the launcher itself. */
  readonly error: string | null;
}

/** The content of the init marker. */
export interface InitMarker {
  readonly schema: 1;
  readonly by: "launcher" | "sidecar";
  /** The pulled artifacts, in the order of the references. */
  readonly inputs: readonly ArtifactRecord[];
}

/** An artifact in a registry. */
export interface ArtifactRecord {
  readonly reference: string;
  readonly digest: string;
}

/** The content of the pushed marker. */
export interface PushedMarker extends ArtifactRecord {
  readonly schema: 1;
  /** The attempt that wrote the outputs; null if the done marker names no attempt. */
  readonly attempt: string | null;
  readonly finishedAt: string;
}

/** The content of the markers of a failed init and a failed push. */
export interface FailureMarker {
  readonly schema: 1;
  readonly attempt: string | null;
  readonly exitCode: number;
  readonly error: string;
}

/** The content of a marker made with `touch`: the step is done, and nothing more is known. */
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

type JsonObject = Readonly<Record<string, unknown>>;

/** Parses a done marker. An empty text gives {@link NOTHING_KNOWN}; undefined if the text is not valid (yet). */
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
  };
}

/** Parses a started marker. All fields of an empty one are null; undefined if the text is not valid (yet). */
export function parseStartedMarker(text: string): StartedMarker | undefined {
  const fields = parseObject(text);
  if (fields === undefined) return undefined;
  const outputs = Array.isArray(fields.outputs) ? fields.outputs.filter((path) => typeof path === "string") : null;
  return { schema: 1, attempt: textField(fields, "attempt"), startedAt: textField(fields, "startedAt"), outputs };
}

/** Parses an init marker. An empty one has no inputs; undefined if the text is not valid (yet). */
export function parseInitMarker(text: string): InitMarker | undefined {
  const fields = parseObject(text);
  if (fields === undefined) return undefined;
  const inputs = Array.isArray(fields.inputs) ? fields.inputs.filter(isArtifact) : [];
  return { schema: 1, by: fields.by === "launcher" ? "launcher" : "sidecar", inputs };
}

/** Parses a pushed marker; undefined if the text is not valid (yet). */
export function parsePushedMarker(text: string): PushedMarker | undefined {
  const fields = parseObject(text);
  if (fields === undefined || !isArtifact(fields)) return undefined;
  const { reference, digest } = fields;
  const finishedAt = textField(fields, "finishedAt") ?? "";
  return { schema: 1, attempt: textField(fields, "attempt"), reference, digest, finishedAt };
}

/** Parses a failure marker. An empty one has no reason; undefined if the text is not valid (yet). */
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

function parseObject(text: string): JsonObject | undefined {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isArtifact(value: unknown): value is ArtifactRecord {
  return isObject(value) && typeof value.reference === "string" && typeof value.digest === "string";
}

function textField(fields: JsonObject, name: string): string | null {
  const value = fields[name];
  return typeof value === "string" ? value : null;
}

function phaseField(fields: JsonObject): Phase {
  const phase = fields.phase;
  return phase === "init" || phase === "run" || phase === "copy" ? phase : "done";
}

function recordsField(fields: JsonObject, name: string): OutputRecord[] | null {
  const records = fields[name];
  if (!Array.isArray(records)) return null;
  return records.filter(isOutput).map(({ path, files, bytes }) => ({ path, files, bytes }));
}

function isOutput(value: unknown): value is OutputRecord {
  if (!isObject(value)) return false;
  return typeof value.path === "string" && typeof value.files === "number" && typeof value.bytes === "number";
}
