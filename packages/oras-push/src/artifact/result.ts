import { closeSync, constants, openSync, writeSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import type { Log } from "shared/cli/log";
import { describeError, ToolError } from "shared/cli/tool-error";
import { placeAtomically } from "shared/fs/atomic-file";
import { cannotWrite } from "shared/fs/path-failure";
import type { ArtifactRecord } from "shared/pod/markers";
import type { Descriptor } from "../oci/descriptor.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";
import type { PullResult } from "./pull.ts";
import type { PushResult } from "./push.ts";

/** The number of bytes of a termination message that Kubernetes reads. */
const MAX_TERMINATION_MESSAGE = 4096;

/** A pulled artifact in the output of `--format json`. */
export interface PulledArtifact extends ArtifactRecord {
  /** Size of the manifest, in bytes. */
  readonly size: number;
  readonly layers: readonly Descriptor[];
}

/** A pushed artifact in the output of `--format json`. */
export interface PushedArtifact extends PulledArtifact {
  /** Number of layers that were not sent, because the registry had them. */
  readonly skipped: number;
}

/** An artifact that was skipped, because it could not be pulled. */
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

/** The failure of a pull that skipped artifacts, with the exit code of the first one; undefined if none was skipped. */
export function skippedFailure([first, ...others]: readonly SkippedArtifact[], pulled: number): ToolError | undefined {
  if (first === undefined) return undefined;
  const names = [first, ...others].map(({ reference }) => reference).join(", ");
  const of = 1 + others.length + pulled;
  return new ToolError(first.failure.code, `${1 + others.length} of ${of} tags could not be pulled`, { why: names });
}

/** Writes the pushed manifest to a file, atomically. Throws `cannotCreate` with the path. */
export async function exportManifest(path: string, [result]: readonly PushResult[]): Promise<void> {
  if (result === undefined) return;
  const { bytes } = result.manifest;
  await placeAtomically(path, (temporary) => writeFile(temporary, bytes, { flag: "wx" })).catch((error) => {
    throw cannotWrite(path, error);
  });
}

/**
 * Writes reference and digest of artifacts to the termination message, which Kubernetes shows in the pod's status: one
 * JSON object per line, and as many lines as Kubernetes reads. Does nothing if the file is missing, because the kubelet
 * creates it. Only warns if the file cannot be written.
 */
export function writeTerminationMessage(file: string, artifacts: readonly ArtifactRecord[], warn: Log): void {
  let log: number;
  try {
    log = openSync(file, constants.O_WRONLY | constants.O_TRUNC);
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
    const line = `${JSON.stringify({ reference, digest })}\n`;
    if (Buffer.byteLength(message + line) > MAX_TERMINATION_MESSAGE) break;
    message += line;
  }
  return message;
}
