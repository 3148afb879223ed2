import type { FailureCode } from "shared/cli/exit-codes";
import { ToolError } from "shared/cli/tool-error";
import type { Digest } from "../oci/digest.ts";
import type { FilePart } from "../tar/file-part.ts";
import type { Format } from "./compression.ts";

/** A segment in a ring that several threads share. */
interface SharedSegment {
  /** The index of the segment in the archive. The first segment has the index 0. */
  readonly index: number;
  /** The length of the segment in bytes. */
  readonly length: number;
  /** The memory of the segment's ring. */
  readonly memory: SharedArrayBuffer;
  /** The number of slots in the ring. */
  readonly slots: number;
}

/** A task to fill and compress a segment. */
export interface EncodeTask extends SharedSegment {
  readonly kind: "encode";
  /** The compression level. If this field is undefined, the thread fills the segment, but does not compress it. */
  readonly level: number | undefined;
  readonly format: Format;
  /** The paths of the parts, separated by NUL bytes. */
  readonly paths: string;
  /** The numeric fields of all parts. Each part has {@link NUMBERS} fields. */
  readonly numbers: Float64Array;
}

/**
 * A task to hash a segment. The segments of an archive arrive in order. The segment with the index 0 begins a new hash.
 */
export interface HashTask extends SharedSegment {
  readonly kind: "hash";
}

/** A request for the digest of the hashed segments. */
export interface DigestTask {
  readonly kind: "digest";
}

/** A task for a thread. */
export type ThreadTask = EncodeTask | HashTask | DigestTask;

/** The result of each kind of task. */
export interface TaskResults {
  /** The size of the compressed segment in the ring, in bytes, and the CRC-32 of the uncompressed segment. */
  readonly encode: { readonly size: number; readonly checksum: number };
  readonly hash: undefined;
  readonly digest: Digest;
}

/** The answer of a thread: the result of a task, or the failure of the task. */
export type ThreadAnswer = { readonly result: TaskResults[keyof TaskResults] } | { readonly failure: SentFailure };

/** A failure in the form that a thread sends. `code` is undefined for an unexpected error. */
export interface SentFailure {
  readonly code: FailureCode | undefined;
  readonly message: string;
  readonly why: string | undefined;
  readonly hint: string | undefined;
}

const NUMBERS = 6;

/** Encodes the parts of a segment as a string and an array, because a list of objects would be sent more slowly. */
export function encodeParts(parts: readonly FilePart[]): Pick<EncodeTask, "paths" | "numbers"> {
  const numbers = new Float64Array(parts.length * NUMBERS);
  for (const [index, { state, from, length, at }] of parts.entries())
    numbers.set([state.ino, state.size, state.mtimeMs, from, length, at], index * NUMBERS);
  return { paths: parts.map(({ path }) => path).join("\0"), numbers };
}

/** Decodes the parts of a segment. */
export function decodeParts({ paths, numbers }: Pick<EncodeTask, "paths" | "numbers">): FilePart[] {
  if (numbers.length === 0) return [];
  return paths.split("\0").map((path, index) => {
    const [ino, size, mtimeMs, from, length, at] = numbers.subarray(index * NUMBERS) as unknown as SentPart;
    return { path, state: { ino, size, mtimeMs }, from, length, at };
  });
}

type SentPart = [ino: number, size: number, mtimeMs: number, from: number, length: number, at: number];

/** Converts an error for {@link receivedFailure}. */
export function sentFailure(error: unknown): SentFailure {
  const { code, why, hint } = error instanceof ToolError ? error : { code: undefined, why: undefined, hint: undefined };
  return { code, message: error instanceof Error ? error.message : String(error), why, hint };
}

/** Converts a failure from a thread into an error. */
export function receivedFailure({ code, message, why, hint }: SentFailure): Error {
  if (code === undefined) return new Error(message);
  return new ToolError(code, message, {
    ...(why === undefined ? {} : { why }),
    ...(hint === undefined ? {} : { hint }),
  });
}
