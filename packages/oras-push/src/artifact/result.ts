import { closeSync, constants, openSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import type { Log } from "shared/cli/log";
import { describeError, reasonOf, ToolError } from "shared/cli/tool-error";
import { temporaryBeside } from "shared/fs/unique-name";
import type { ArtifactRecord } from "shared/pod/markers";
import type { Descriptor } from "../oci/descriptor.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";
import type { PullResult } from "./pull.ts";
import type { PushResult } from "./push.ts";

/** Kubernetes reads no more of a termination message, in bytes. */
const MAX_TERMINATION_MESSAGE = 4096;

/** A pulled artifact, as `--format json` shows it. */
export interface PulledArtifact extends ArtifactRecord {
  /** Of the manifest, in bytes. */
  readonly size: number;
  readonly layers: readonly Descriptor[];
}

/** A pushed artifact, as `--format json` shows it. */
export interface PushedArtifact extends PulledArtifact {
  /** Layers that were not sent, for the registry had them. */
  readonly skipped: number;
}

/** An artifact that was asked for among others and was not pulled. */
export interface LeftArtifact {
  readonly reference: string;
  readonly failure: ToolError;
}

/** The result of a push as one object. */
export function pushedObject({ reference, manifest, layers }: PushResult): PushedArtifact {
  const skipped = layers.filter(({ sent }) => !sent).length;
  return { ...pulledObject(reference, { manifest, layers }), skipped };
}

/** The result of a pull as one object. */
export function pulledObject(
  reference: AnyReference,
  { manifest, layers }: Pick<PullResult, "manifest" | "layers">,
): PulledArtifact {
  const { digest, size } = manifest.descriptor;
  return { reference: formatReference(reference), digest, size, layers: layers.map(({ descriptor }) => descriptor) };
}

/** Results as the user wants to read them: the lines of `oras`, or one JSON object a line. */
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

/** What was left, as `--format json` shows it: an object a line with reference, exit code and error; as text the log has it. */
export function leftText(left: readonly LeftArtifact[], format: string): string {
  if (format !== "json") return "";
  const lines = left.map(({ reference, failure }) =>
    JSON.stringify({ reference, exitCode: failure.exitCode, error: describeError(failure) }),
  );
  return lines.map((line) => `${line}\n`).join("");
}

/** What a pull ends with that left something: the code is that of what was left first. Undefined where nothing was. */
export function leftFailure([first, ...others]: readonly LeftArtifact[], pulled: number): ToolError | undefined {
  if (first === undefined) return undefined;
  const names = [first, ...others].map(({ reference }) => reference).join(", ");
  const of = 1 + others.length + pulled;
  return new ToolError(first.failure.code, `${1 + others.length} of ${of} tags could not be pulled`, { why: names });
}

/** Writes the manifest that was pushed to a file, which appears whole. Throws `cannotCreate`, naming it. */
export function exportManifest(path: string, [result]: readonly PushResult[]): void {
  if (result === undefined) return;
  const temporary = temporaryBeside(path);
  try {
    writeFileSync(temporary, result.manifest.bytes, { flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new ToolError("cannotCreate", `cannot write ${path}`, { why: reasonOf(error), cause: error });
  }
}

/**
 * Leaves reference and digest of artifacts where Kubernetes shows them in the pod's status: a JSON object a line, as many as
 * it reads. The kubelet makes the file: where there is none, nothing is written, and a message that can't be written is no
 * failure.
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
