import { closeSync, constants, openSync, writeSync } from "node:fs";
import type { Log } from "shared/cli/log";
import { describeError, ToolError } from "shared/cli/tool-error";
import { writeResult } from "shared/fs/atomic-file";
import { cannotWrite } from "shared/fs/path-failure";
import type { ArtifactRecord } from "shared/pod/markers";
import type { Descriptor } from "../oci/descriptor.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";
import type { PullResult } from "./pull.ts";
import type { PushResult } from "./push.ts";

/** The maximum length of a termination message, in bytes. Kubernetes ignores further bytes. */
const MAX_TERMINATION_MESSAGE = 4096;

/** A pulled artifact in the output of `--format json`. */
export interface PulledArtifact extends ArtifactRecord {
  /** Size of the manifest, in bytes. */
  readonly size: number;
  readonly layers: readonly Descriptor[];
}

/** A pushed artifact in the output of `--format json`. */
export interface PushedArtifact extends PulledArtifact {
  /** The number of skipped layers. The registry had these layers already. */
  readonly skipped: number;
}

/** An artifact that was skipped because its pull failed. */
export interface SkippedArtifact {
  readonly reference: string;
  readonly failure: ToolError;
}

/** Converts the result of a push to its JSON output. */
export function pushedObject({ reference, manifest, layers }: PushResult): PushedArtifact {
  const skipped = layers.filter(({ sent }) => !sent).length;
  return { ...pulledObject(reference, { manifest, layers }), skipped };
}

/** Converts the result of a pull to its JSON output. */
export function pulledObject(
  reference: AnyReference,
  { manifest, layers }: Pick<PullResult, "manifest" | "layers">,
): PulledArtifact {
  const { digest, size } = manifest.descriptor;
  return { reference: formatReference(reference), digest, size, layers: layers.map(({ descriptor }) => descriptor) };
}

/** Formats results as the lines that `oras` prints, or as one JSON object per line. */
export function resultText(
  word: "Pushed" | "Pulled",
  results: readonly ArtifactRecord[],
  format: string,
  ociLayout = false,
): string {
  if (format === "json") return results.map((result) => `${JSON.stringify(result)}\n`).join("");
  const what = ociLayout ? "oci-layout" : "registry";
  return results.map(({ reference, digest }) => `${word} [${what}] ${reference}\nDigest: ${digest}\n`).join("");
}

/**
 * Formats skipped artifacts for `--format json`: one object per line. With `--format text`, skipped artifacts appear
 * only in the log.
 */
export function skippedText(skipped: readonly SkippedArtifact[], format: string): string {
  if (format !== "json") return "";
  const lines = skipped.map(({ reference, failure }) =>
    JSON.stringify({ reference, exitCode: failure.exitCode, error: describeError(failure) }),
  );
  return lines.map((line) => `${line}\n`).join("");
}

/**
 * Returns the failure of a pull that skipped artifacts. The exit code comes from the error of the first skipped
 * artifact. Returns undefined if no artifact was skipped.
 */
export function skippedFailure([first, ...others]: readonly SkippedArtifact[], pulled: number): ToolError | undefined {
  if (first === undefined) return undefined;
  const names = [first, ...others].map(({ reference }) => reference).join(", ");
  const of = 1 + others.length + pulled;
  return new ToolError(first.failure.code, `${1 + others.length} of ${of} tags could not be pulled`, { why: names });
}

/**
 * Writes the pushed manifest to a file. Replaces a regular file atomically. Throws `cannotCreate` with the path if the
 * write fails.
 */
export async function exportManifest(path: string, [result]: readonly PushResult[]): Promise<void> {
  if (result === undefined) return;
  const { bytes } = result.manifest;
  await writeResult(path, bytes).catch((error) => {
    throw cannotWrite(path, error);
  });
}

/**
 * Writes the references and digests of artifacts to the termination message. Kubernetes shows this message in the pod's
 * status. Each line is one JSON object. Writes no more lines than Kubernetes reads. Does not create the file, because
 * the kubelet does this. Does nothing if the file cannot be opened. If the write fails, logs a warning and throws no
 * error.
 */
export function writeTerminationMessage(file: string, artifacts: readonly ArtifactRecord[], warn: Log): void {
  let log: number;
  try {
    // Without O_NONBLOCK, opening a FIFO that has no reader would block forever.
    log = openSync(file, constants.O_WRONLY | constants.O_TRUNC | constants.O_NONBLOCK);
  } catch {
    return;
  }
  try {
    writeSync(log, terminationMessage(artifacts));
  } catch (error) {
    warn(`cannot write ${file}: ${(error as Error).message}`);
  } finally {
    closeSync(log);
  }
}

function terminationMessage(artifacts: readonly ArtifactRecord[]): string {
  let message = "";
  for (const { reference, digest } of artifacts) {
    // A newline at the end of the message would appear as an empty line in the output of kubectl.
    const line = `${message === "" ? "" : "\n"}${JSON.stringify({ reference, digest })}`;
    if (Buffer.byteLength(message + line) > MAX_TERMINATION_MESSAGE) break;
    message += line;
  }
  return message;
}
