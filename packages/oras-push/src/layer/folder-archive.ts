import { Readable } from "node:stream";
import { toBytePath } from "shared/fs/byte-path";
import { readArchive } from "../tar/read.ts";
import { HEAD, type PeekedStream } from "./peek.ts";
import { zlib } from "./zlib.ts";

/**
 * Whether a blob is a gzipped archive whose first entry is a folder with the name `title`. oras-py packs folders in
 * this way, but does not mark the layers of folders with an annotation.
 */
export async function isFolderArchive({ head }: PeekedStream, title: string): Promise<boolean> {
  const { constants, createGunzip } = await zlib();
  const decompressor = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: HEAD });
  const archive = readArchive(Readable.from([head]).pipe(decompressor) as AsyncIterable<Buffer>);
  try {
    const first = await archive.next();
    return first.done !== true && first.value.type === "directory" && plainName(first.value.name) === toBytePath(title);
  } catch {
    return false;
  } finally {
    await archive.return(undefined);
  }
}

/** Removes a leading `./` and trailing slashes from a name. */
function plainName(name: string): string {
  return name.replace(/^(\.\/+)+/, "").replace(/\/+$/, "");
}
