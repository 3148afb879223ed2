import { digestOf } from "oras-push/oci/meter";
import type { Repository } from "oras-push/oci/repository";
import { type Match, STEPS } from "../support/registry/faults.ts";
import { pieces } from "./support.ts";

/** A way to send a blob. */
export interface UploadWay {
  /** The request that sends the bytes. */
  readonly body: Match;
  readonly push: (repository: Repository) => Promise<unknown>;
}

/** Returns the ways to send a blob, by name. */
export function uploadWays(blob: Buffer): Readonly<Record<string, UploadWay>> {
  const digest = digestOf(blob);
  return {
    "a blob from memory": { body: STEPS.putBlob, push: (repository) => repository.pushBlob(blob, digest) },
    "a blob of known size": {
      body: STEPS.putBlob,
      push: (repository) => repository.pushKnownBlob({ digest, size: blob.length }, () => pieces(blob)),
    },
    "a streamed blob": { body: STEPS.patch, push: (repository) => repository.pushStreamedBlob(() => pieces(blob)) },
  };
}
