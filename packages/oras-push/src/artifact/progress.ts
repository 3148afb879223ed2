import type { Log } from "shared/cli/log";
import { oneLine } from "shared/cli/tool-error";
import type { BlobInfo } from "../oci/artifact-store.ts";
import { shortDigest } from "../oci/digest.ts";

/** A blob whose digest or size may still be unknown, because the blob is still being produced. */
type PartialBlobInfo = { readonly [Fact in keyof BlobInfo]?: BlobInfo[Fact] | undefined };

/** Receives the progress of one blob. */
export interface BlobReport {
  /** Yields the content of the blob unchanged. Progress bars count the bytes. */
  watch(source: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
  done(blob: BlobInfo): void;
}

/** Receives the progress of a push or a pull. */
export interface Progress {
  /** Reports that the upload of a blob starts. */
  upload(title: string, blob: PartialBlobInfo): BlobReport;
  /** Reports that the registry has the blob already. */
  exists(title: string, blob: BlobInfo): void;
  /** Reports that the registry mounted the blob from another repository. */
  mounted(title: string, blob: BlobInfo): void;
  download(title: string, blob: BlobInfo): BlobReport;
}

/** The text that is shown while a digest is unknown. */
const UNKNOWN = "............";

/** Reports progress as plain lines, with the same words as `oras`. */
export function plainProgress(log: Log): Progress {
  const report = (doing: string, done: string, title: string, blob: PartialBlobInfo): BlobReport => {
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

/** Formats one line about a blob: a word, the digest of the blob, and its title. */
export function blobLine(word: string, blob: PartialBlobInfo, title: string): string {
  const digest = blob.digest === undefined ? UNKNOWN : shortDigest(blob.digest);
  return `${word.padEnd(word.length < 10 ? 9 : 11)} ${digest} ${oneLine(title)}`;
}
