/** The shared volume's folder where nothing else is said. */
export const DEFAULT_SHARE = "/mnt/oras";

/**
 * The files and folders on the shared volume by which launcher and sidecar know of each other. Success and failure have
 * names of their own, so that a waiter that knows nothing of the content does not take one for the other.
 */
export const SHARE = {
  /** The launcher's lease: a socket that is open as long as the launcher lives (`lease.ts`). */
  lease: "oras-operator-lease.sock",
  /** The sidecar's lease: a socket that is open as long as the sidecar lives. */
  sidecarLease: "oras-operator-sidecar-lease.sock",
  /** The launcher started, and where its outputs will be; {@link StartedMarker}. */
  started: "oras-operator-started.txt",
  /** The inputs are in place: the application may start. */
  init: "oras-operator-init.txt",
  /** The inputs could not be brought: the application must not start. */
  initFailed: "oras-operator-init-failed.txt",
  /** The application ended and what it left is saved; {@link DoneMarker}. */
  done: "oras-operator-done.txt",
  /** The launcher ended without saving the outputs; {@link DoneMarker} with an error. */
  doneFailed: "oras-operator-done-failed.txt",
  /** The outputs are in the registry; {@link PushedMarker}. */
  pushed: "oras-operator-pushed.txt",
  /** The outputs could not be pushed; {@link FailureMarker}. */
  pushFailed: "oras-operator-push-failed.txt",
  /** What the sidecar pulled, for the application. */
  inputs: "inputs",
  /** What the launcher saved, for the sidecar. */
  outputs: "outputs",
  /** What the application wrote to stdout and stderr, where the launcher keeps it. */
  logs: "logs",
} as const;

/** How far the launcher came. */
export type Phase = "init" | "run" | "copy" | "done";

/** The content of the started marker. */
export interface StartedMarker {
  readonly schema: 1;
  /** Random, new at each start of the launcher. */
  readonly attempt: string | null;
  /** RFC 3339, UTC. */
  readonly startedAt: string | null;
  /** Where the outputs will be, relative to the volume; null where that is not known: the whole outputs folder. */
  readonly outputs: readonly string[] | null;
}

/** One output that the launcher saved. */
export interface OutputRecord {
  /** Where it is, relative to the shared volume's folder. */
  readonly path: string;
  /** Number of regular files. */
  readonly files: number;
  /** Their sizes added up. */
  readonly bytes: number;
}

/** The content of the done marker. What is null is not known, as when the marker was made with `touch`. */
export interface DoneMarker {
  readonly schema: 1;
  /** Random, new at each start of the launcher. */
  readonly attempt: string | null;
  readonly phase: Phase;
  /** The application's exit code, `128 + n` for signal n, 124 where its time was over; null where it never ran. */
  readonly exitCode: number | null;
  /** The signal that ended the application, such as `SIGKILL`. */
  readonly signal: string | null;
  /** Why it was not started, or was ended; null where it ended by itself. */
  readonly reason: string | null;
  /** RFC 3339, UTC. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** What was saved; null where that is not known: then everything in the outputs folder counts. */
  readonly outputs: readonly OutputRecord[] | null;
  /** What was kept of stdout and stderr; empty where nothing was. */
  readonly logs: readonly OutputRecord[];
  /** What the launcher itself failed at. */
  readonly error: string | null;
}

/** The content of the init marker. */
export interface InitMarker {
  readonly schema: 1;
  readonly by: "launcher" | "sidecar";
  /** What was pulled, in the order asked for. */
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
  /** The attempt whose outputs these are; null where the done marker named none. */
  readonly attempt: string | null;
  readonly finishedAt: string;
}

/** The content of the markers for a failed init and a failed push. */
export interface FailureMarker {
  readonly schema: 1;
  readonly attempt: string | null;
  readonly exitCode: number;
  readonly error: string;
}

/** A marker made with `touch`: that much has happened, and nothing more is known. */
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

/** A done marker from its text: an empty one says {@link NOTHING_KNOWN}; undefined for text that is not (yet) one. */
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

/** A started marker from its text; one made with `touch` says nothing but that. Undefined for text that is not (yet) one. */
export function parseStartedMarker(text: string): StartedMarker | undefined {
  const fields = parseObject(text);
  if (fields === undefined) return undefined;
  const outputs = Array.isArray(fields.outputs) ? fields.outputs.filter((path) => typeof path === "string") : null;
  return { schema: 1, attempt: textField(fields, "attempt"), startedAt: textField(fields, "startedAt"), outputs };
}

/** An init marker from its text; one made with `touch` has no inputs. Undefined for text that is not (yet) one. */
export function parseInitMarker(text: string): InitMarker | undefined {
  const fields = parseObject(text);
  if (fields === undefined) return undefined;
  const inputs = Array.isArray(fields.inputs) ? fields.inputs.filter(isArtifact) : [];
  return { schema: 1, by: fields.by === "launcher" ? "launcher" : "sidecar", inputs };
}

/** A pushed marker from its text; undefined for text that is not (yet) one. */
export function parsePushedMarker(text: string): PushedMarker | undefined {
  const fields = parseObject(text);
  if (fields === undefined || !isArtifact(fields)) return undefined;
  const { reference, digest } = fields;
  const finishedAt = textField(fields, "finishedAt") ?? "";
  return { schema: 1, attempt: textField(fields, "attempt"), reference, digest, finishedAt };
}

/** A failure marker from its text; one made with `touch` says nothing but that it failed. */
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
