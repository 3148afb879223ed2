import type { Log } from "shared/cli/log";
import { oneLine } from "shared/cli/tool-error";
import { type Digest, shortDigest } from "../oci/digest.ts";

/** A blob as far as it is known. */
interface Blob {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/** One that is being made, or whose digest is found while it is sent, is not known yet. */
type BlobSoFar = { readonly [Fact in keyof Blob]?: Blob[Fact] | undefined };

/** Is told how one blob fares. */
export interface BlobReport {
  /** Passes the bytes on and counts them. */
  watch(source: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
  done(blob: Blob): void;
}

/** Is told what a push or a pull does. */
export interface Progress {
  /** A blob goes to the registry. */
  upload(title: string, blob: BlobSoFar): BlobReport;
  /** The registry has the blob already. */
  exists(title: string, blob: Blob): void;
  /** The registry took the blob from another of its repositories. */
  mounted(title: string, blob: Blob): void;
  download(title: string, blob: Blob): BlobReport;
}

/** Stands for a digest that is not known yet. */
const UNKNOWN = "............";

/** Progress as plain lines, in the words of `oras`. */
export function plainProgress(log: Log): Progress {
  const report = (doing: string, done: string, title: string, blob: BlobSoFar): BlobReport => {
    log(blobLine(doing, blob, title));
    return { watch: (source) => source, done: (finished) => log(blobLine(done, finished, title)) };
  };
  return {
    upload: (title, blob) => report("Uploading", "Uploaded", title, blob),
    exists: (title, blob) => log(blobLine("Exists", blob, title)),
    mounted: (title, blob) => log(blobLine("Mounted", blob, title)),
    download: (title, blob) => report("Downloading", "Downloaded", title, blob),
  };
}

/** What a blob does or did, as one line: the word, its digest as far as it is known, its title. */
export function blobLine(word: string, blob: BlobSoFar, title: string): string {
  const digest = blob.digest === undefined ? UNKNOWN : shortDigest(blob.digest);
  return `${word.padEnd(word.length < 10 ? 9 : 11)} ${digest} ${oneLine(title)}`;
}
