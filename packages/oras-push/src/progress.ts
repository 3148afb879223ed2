import type { Log } from "wait-fs/log";
import { oneLine } from "wait-fs/tool-error";
import { type Digest, shortDigest } from "./oci/digest.ts";

/** A blob as far as it is known. */
interface Blob {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/** Is told how one blob fares. */
export interface BlobReport {
  /** Passes the bytes on and counts them. */
  watch(source: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
  done(blob: Blob): void;
}

/** Is told what a push or a pull does. */
export interface Progress {
  /** A blob goes to the registry; undefined while it is being made and is not known yet. */
  upload(title: string, blob: Blob | undefined): BlobReport;
  /** The registry has the blob already. */
  exists(title: string, blob: Blob): void;
  download(title: string, blob: Blob): BlobReport;
}

/** Stands for a digest that is not known yet. */
const UNKNOWN = "............";

/** Progress as plain lines, in the words of `oras`. */
export function plainProgress(log: Log): Progress {
  const line = (word: string, blob: Blob | undefined, title: string) =>
    log(
      `${word.padEnd(word.length < 10 ? 9 : 11)} ${blob === undefined ? UNKNOWN : shortDigest(blob.digest)} ${oneLine(title)}`,
    );
  const report = (doing: string, done: string, title: string, blob: Blob | undefined): BlobReport => {
    line(doing, blob, title);
    return { watch: (source) => source, done: (finished) => line(done, finished, title) };
  };
  return {
    upload: (title, blob) => report("Uploading", "Uploaded", title, blob),
    exists: (title, blob) => line("Exists", blob, title),
    download: (title, blob) => report("Downloading", "Downloaded", title, blob),
  };
}
