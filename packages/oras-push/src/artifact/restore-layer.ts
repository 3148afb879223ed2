import { closeSync, fchmodSync, futimesSync, mkdirSync, open as openCallback } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ToolError } from "shared/cli/tool-error";
import { makeFolders } from "shared/fs/folders";
import { cannotWrite, writing } from "shared/fs/path-failure";
import { isSystemError } from "shared/fs/system-error";
import { decompressed } from "../layer/compression.ts";
import { type FileMetadata, parseMetadata } from "../layer/file-metadata.ts";
import { isFolderArchive } from "../layer/folder-archive.ts";
import { type PeekedStream, peek } from "../layer/peek.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { isDigest, shortDigest } from "../oci/digest.ts";
import { FOLDER_LAYER } from "../oci/media-types.ts";
import { Meter, metered } from "../oci/meter.ts";
import { writeSparse } from "../tar/sparse-file.ts";
import { unpack } from "../tar/unpack.ts";
import type { Progress } from "./progress.ts";

const open = promisify(openCallback);

/** A layer that is restored under its title. */
export interface TitledLayer {
  readonly title: string;
  /** The title, split into the parts of a path. */
  readonly parts: readonly string[];
  readonly descriptor: Descriptor;
}

/**
 * Restores a layer below the folder `place`: unpacks the archive of a folder, or writes a file. Throws `registry` if
 * the blob is broken, or if the title of a file contains no file name. Throws `cannotCreate` if a file cannot be
 * written.
 */
export async function restoreLayer(
  source: Pick<ArtifactStore, "fetchBlob">,
  layer: TitledLayer,
  place: string,
  progress: Progress,
): Promise<void> {
  const { title, parts, descriptor } = layer;
  const report = progress.download(title, descriptor);
  const blob = await peek(verified(report.watch(source.fetchBlob(descriptor)), descriptor, title));
  if (await isFolder(layer, blob)) await restoreFolder(blob, layer, place);
  else if (parts.length === 0)
    throw new ToolError("registry", `a layer's title ${JSON.stringify(title)} contains no file name`);
  else await restoreFile(blob.bytes, join(place, ...parts), parseMetadata(descriptor.annotations));
  report.done(descriptor);
}

/**
 * Whether a layer must be unpacked. If the layer has the annotation `unpack`, returns the value of this annotation.
 * Otherwise, returns true if oras-py packed the layer from a folder.
 */
async function isFolder({ title, descriptor }: TitledLayer, blob: PeekedStream): Promise<boolean> {
  const marked = descriptor.annotations?.[ANNOTATIONS.unpack];
  if (marked !== undefined) return marked === "true";
  return descriptor.mediaType === FOLDER_LAYER && (await isFolderArchive(blob, title));
}

/** Writes a file. If `mode` is undefined, the umask determines the mode. */
async function restoreFile(bytes: AsyncIterable<Buffer>, path: string, { mode, mtime }: FileMetadata): Promise<void> {
  writing(path, () => makeFolders(dirname(path)));
  try {
    // Creating a file can take a millisecond. An asynchronous call lets other layers continue in the meantime.
    const file = await open(path, "wx", 0o666);
    try {
      await writeSparse(file, bytes);
      if (mode !== undefined) fchmodSync(file, mode);
      if (mtime !== undefined) futimesSync(file, mtime, mtime);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw isSystemError(error) ? cannotWrite(path, error) : error;
  }
}

async function restoreFolder(blob: PeekedStream, { title, descriptor }: TitledLayer, place: string): Promise<void> {
  const content = new Meter();
  writing(place, () => mkdirSync(place));
  await unpack(metered(decompressed(blob, descriptor.mediaType), content), place, title);
  const expected = descriptor.annotations?.[ANNOTATIONS.contentDigest];
  if (isDigest(expected) && content.digest() !== expected)
    throw new ToolError("registry", `the content of the folder ${title} does not match its digest`, {
      why: `expected ${expected}, found ${content.digest()}`,
    });
}

/**
 * Yields the content of a blob. Throws as soon as the content is longer than expected. At the end of the blob, throws
 * if the size or the digest is wrong.
 */
async function* verified(source: AsyncIterable<Buffer>, descriptor: Descriptor, title: string): AsyncGenerator<Buffer> {
  const meter = new Meter();
  const mismatch = (why: string) =>
    new ToolError("registry", `the blob ${shortDigest(descriptor.digest)} of ${title} does not match its descriptor`, {
      why,
    });
  for await (const chunk of metered(source, meter)) {
    if (meter.size > descriptor.size) throw mismatch(`expected ${descriptor.size} bytes, received more`);
    yield chunk;
  }
  if (meter.size < descriptor.size) throw mismatch(`expected ${descriptor.size} bytes, received ${meter.size}`);
  if (meter.digest() !== descriptor.digest) throw mismatch(`expected ${descriptor.digest}, found ${meter.digest()}`);
}
