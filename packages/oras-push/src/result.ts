import { closeSync, constants, openSync, writeSync } from "node:fs";
import type { Log } from "wait-fs/log";
import type { ArtifactRecord } from "wait-fs/markers";
import type { Descriptor } from "./oci/descriptor.ts";
import { formatReference, type Reference } from "./oci/reference.ts";
import type { PullResult } from "./pull.ts";
import type { PushResult } from "./push.ts";

/** Kubernetes reads no more of a termination message. */
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

/** The result of a push as one object. */
export function pushedObject(reference: Reference, { manifest, layers }: PushResult): PushedArtifact {
  const skipped = layers.filter(({ sent }) => !sent).length;
  return { ...pulledObject(reference, { manifest, layers }), skipped };
}

/** The result of a pull as one object. */
export function pulledObject(
  reference: Reference,
  { manifest, layers }: Pick<PullResult, "manifest" | "layers">,
): PulledArtifact {
  const { digest, size } = manifest.descriptor;
  return { reference: formatReference(reference), digest, size, layers: layers.map(({ descriptor }) => descriptor) };
}

/** Results as the user wants to read them: the lines of `oras`, or one JSON object a line. */
export function resultText(word: "Pushed" | "Pulled", results: readonly ArtifactRecord[], format: string): string {
  if (format === "json") return results.map((result) => `${JSON.stringify(result)}\n`).join("");
  return results.map(({ reference, digest }) => `${word} [registry] ${reference}\nDigest: ${digest}\n`).join("");
}

/**
 * Leaves reference and digest where Kubernetes shows them in the pod's status. The kubelet makes the file: where there is
 * none, nothing is written, and a message that can't be written is no failure.
 */
export function writeTerminationMessage(file: string, { reference, digest }: ArtifactRecord, warn: Log): void {
  let log: number;
  try {
    log = openSync(file, constants.O_WRONLY | constants.O_TRUNC);
  } catch {
    return;
  }
  try {
    writeSync(log, `${JSON.stringify({ reference, digest })}\n`.slice(0, MAX_TERMINATION_MESSAGE));
  } catch (error) {
    warn(`cannot write ${file}: ${(error as Error).message}`);
  } finally {
    closeSync(log);
  }
}
