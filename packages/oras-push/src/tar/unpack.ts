import { ToolError } from "shared/cli/tool-error";
import { toBytePath } from "shared/fs/byte-path";
import { reasonOf, systemCode } from "shared/fs/system-error";
import { ArchiveError } from "./archive-error.ts";
import { Extraction } from "./extraction.ts";
import { readArchive } from "./read.ts";

/** The content of an unpacked archive. */
export interface UnpackResult {
  /** Number of regular files. */
  readonly files: number;
}

/**
 * Unpacks a tar archive into an empty folder. Every entry must be below `title`. The title `.` means the folder itself.
 * Restores modes and times, but not owners. The umask has no effect.
 *
 * Throws `registry` with the name of an unsafe entry. An entry is unsafe if its path is absolute, leads out of the
 * folder, or passes through a link of the archive. A link that leads out of the folder is also unsafe. Throws
 * `registry` if the bytes are not an archive or are truncated, and `cannotCreate` if a path cannot be written. Other
 * errors of `archive` are thrown unchanged.
 */
export async function unpack(archive: AsyncIterable<Buffer>, folder: string, title: string): Promise<UnpackResult> {
  const extraction = new Extraction(toBytePath(folder), toBytePath(title));
  try {
    for await (const entry of readArchive(archive)) await extraction.add(entry);
  } catch (error) {
    throw isBroken(error) ? brokenArchive(title, error) : error;
  }
  extraction.finish();
  return { files: extraction.files };
}

/** Whether an error means that the archive or the compressed stream is broken. The error codes of zlib begin with Z. */
function isBroken(error: unknown): boolean {
  return error instanceof ArchiveError || /^Z/.test(systemCode(error) ?? "");
}

function brokenArchive(title: string, error: unknown): ToolError {
  const why = reasonOf(error);
  return new ToolError("registry", `the layer ${title} is not a complete tar archive`, { why, cause: error });
}
