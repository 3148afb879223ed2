import {
  chmodSync,
  closeSync,
  fchmodSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { reasonOf, ToolError } from "shared/cli/tool-error";
import { makeFolders } from "shared/fs/folders";
import { uniqueName } from "shared/fs/unique-name";
import { type Begun, begin, decompressed, holdsFolder } from "../layer/decompress.ts";
import type { Annotations, Descriptor } from "../oci/descriptor.ts";
import { isDigest, shortDigest } from "../oci/digest.ts";
import { type Manifest, ManifestError, parseManifest, type StoredManifest } from "../oci/manifest.ts";
import { ANNOTATIONS, FOLDER_LAYER } from "../oci/media-types.ts";
import { Meter, metered } from "../oci/meter.ts";
import { safeParts, UnsafePathError } from "../tar/entry-path.ts";
import { writeSparse } from "../tar/sparse-file.ts";
import { isSystemError, unpack } from "../tar/unpack.ts";
import { type ByteString, byteString, rawPath, shownPath } from "../tar/walk.ts";
import { mapConcurrently } from "./concurrency.ts";
import type { Progress } from "./progress.ts";

/** What a pull needs of the place that it pulls from. */
export interface PullSource {
  fetchManifest(reference: string): Promise<StoredManifest | undefined>;
  fetchBlob(descriptor: Descriptor): AsyncIterable<Buffer>;
}

/** How a pull is done. */
export interface PullOptions {
  /** The folder that gets the artifact's files and folders; made where it is missing. */
  readonly folder: string;
  /** A file that is there already is a failure, not replaced. */
  readonly keepOldFiles: boolean;
  /** Layers that are fetched at the same time. */
  readonly concurrency: number;
  readonly progress: Progress;
  /** Sees the manifest's annotations before anything is fetched; what it throws is thrown. Nothing by default. */
  readonly accept?: ((annotations: Annotations) => void) | undefined;
}

/** What was pulled. */
export interface PullResult {
  readonly manifest: StoredManifest;
  /** The layers that were restored. */
  readonly layers: readonly { readonly descriptor: Descriptor }[];
}

/**
 * Pulls an artifact: every layer with a title is restored below the folder, a folder's layer unpacked. Sizes and digests
 * are checked, and only what is whole and right is put in its place, by rename. `pointer` is a tag or a digest, `name` what messages call the artifact. Throws
 * `registry` for an artifact that is missing, wrong or unsafe, `cannotCreate` for what can't be written.
 */
export async function pull(
  source: PullSource,
  name: string,
  pointer: string,
  options: PullOptions,
): Promise<PullResult> {
  const found = await findArtifact(source, name, pointer, options.accept);
  if (found === undefined) throw new ToolError("registry", `there is no artifact ${name}`, { why: "not found" });
  const { manifest } = found;
  const layers = titledLayers(found.artifact, name);
  const staging = join(options.folder, `.oras-push-${uniqueName()}`);
  writing(staging, () => makeFolders(staging));
  try {
    // Each layer has a folder of its own: one may hold the name of another.
    const restored = await mapConcurrently([...layers.entries()], options.concurrency, async ([index, layer]) => {
      const place = join(staging, String(index));
      await restoreLayer(source, layer, place, options);
      return { place, layer };
    });
    const whole = join(staging, "whole");
    writing(whole, () => mkdirSync(whole));
    for (const { place, layer } of restored) assemble(place, whole, layer, name);
    const moves = namesIn(byteString(whole)).map((top) => ({
      from: `${byteString(whole)}/${top}`,
      to: `${byteString(options.folder)}/${top}`,
    }));
    for (const { from, to } of moves) checkPlace(from, to, options.keepOldFiles);
    for (const { from, to } of moves) merge(from, to);
  } finally {
    remove(staging);
  }
  return { manifest, layers };
}

/** An artifact's manifest, as it is stored and as it is read. */
export interface FoundArtifact {
  readonly manifest: StoredManifest;
  readonly artifact: Manifest;
}

/**
 * An artifact by tag or digest, if it is to be had; undefined where there is none. `accept` sees its annotations, and what
 * it throws is thrown. Throws `registry` for a manifest that cannot be read.
 */
export async function findArtifact(
  source: PullSource,
  name: string,
  pointer: string,
  accept: PullOptions["accept"],
): Promise<FoundArtifact | undefined> {
  const manifest = await source.fetchManifest(pointer);
  if (manifest === undefined) return undefined;
  const artifact = readManifest(manifest, name);
  accept?.(artifact.annotations);
  return { manifest, artifact };
}

interface TitledLayer {
  readonly title: string;
  readonly parts: readonly string[];
  readonly descriptor: Descriptor;
}

function readManifest(manifest: StoredManifest, name: string): Manifest {
  try {
    return parseManifest(manifest.bytes);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    throw new ToolError("registry", `the artifact ${name} cannot be pulled`, { why: error.message });
  }
}

function titledLayers({ layers }: Manifest, name: string): TitledLayer[] {
  try {
    return layers.flatMap((descriptor) => {
      const title = descriptor.annotations?.[ANNOTATIONS.title];
      return title === undefined ? [] : [{ title, parts: titleParts(title), descriptor }];
    });
  } catch (error) {
    if (!(error instanceof UnsafePathError)) throw error;
    throw new ToolError("registry", `the artifact ${name} cannot be pulled`, { why: error.message });
  }
}

function titleParts(title: string): string[] {
  try {
    return safeParts(title);
  } catch (error) {
    throw new UnsafePathError(`a layer's title ${JSON.stringify(title)} is ${(error as Error).message}`);
  }
}

async function restoreLayer(
  source: PullSource,
  layer: TitledLayer,
  place: string,
  options: PullOptions,
): Promise<void> {
  const { title, parts, descriptor } = layer;
  const report = options.progress.download(title, descriptor);
  const blob = await begin(verified(report.watch(source.fetchBlob(descriptor)), descriptor, title));
  if (await isFolder(layer, blob)) await restoreFolder(blob, layer, place);
  else if (parts.length === 0)
    throw new ToolError("registry", `a layer's title ${JSON.stringify(title)} names no file`);
  else await restoreFile(blob.bytes, join(place, ...parts));
  report.done(descriptor);
}

/** Whether a layer is to be unpacked: where its annotation says so, or where it says nothing and is a folder as oras-py writes it. */
async function isFolder({ title, descriptor }: TitledLayer, blob: Begun): Promise<boolean> {
  const marked = descriptor.annotations?.[ANNOTATIONS.unpack];
  if (marked !== undefined) return marked === "true";
  return descriptor.mediaType === FOLDER_LAYER && (await holdsFolder(blob, title));
}

async function restoreFile(bytes: AsyncIterable<Buffer>, path: string): Promise<void> {
  writing(path, () => makeFolders(dirname(path)));
  try {
    const file = openSync(path, "wx", 0o644);
    try {
      await writeSparse(file, bytes);
      fchmodSync(file, 0o644);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw isSystemError(error) ? unwritable(path, error) : error;
  }
}

async function restoreFolder(blob: Begun, layer: TitledLayer, place: string): Promise<void> {
  const { title, descriptor } = layer;
  const content = new Meter();
  writing(place, () => mkdirSync(place));
  await unpack(metered(decompressed(blob, descriptor.mediaType), content), place, title);
  const promised = descriptor.annotations?.[ANNOTATIONS.contentDigest];
  if (isDigest(promised) && content.digest() !== promised)
    throw new ToolError("registry", `the folder ${title} is not what its digest says`, {
      why: `its content is ${content.digest()}, not ${promised}`,
    });
}

/** The bytes of a blob, checked at their end, and while they pass never more than promised. */
async function* verified(source: AsyncIterable<Buffer>, descriptor: Descriptor, title: string): AsyncGenerator<Buffer> {
  const meter = new Meter();
  const wrong = (why: string) =>
    new ToolError("registry", `the blob ${shortDigest(descriptor.digest)} of ${title} is not what its digest says`, {
      why,
    });
  for await (const chunk of metered(source, meter)) {
    if (meter.size > descriptor.size) throw wrong(`it is longer than ${descriptor.size} bytes`);
    yield chunk;
  }
  if (meter.size < descriptor.size) throw wrong(`${meter.size} of ${descriptor.size} bytes came`);
  if (meter.digest() !== descriptor.digest) throw wrong(`its bytes have the digest ${meter.digest()}`);
}

/**
 * Puts a layer beside the others of its artifact, before anything of it goes to its place. Throws `registry` where two hold
 * one name, or where a link of one is on the way of another.
 */
function assemble(place: string, whole: string, { title, parts }: TitledLayer, name: string): void {
  const from = byteString(join(place, ...parts));
  const to = byteString(join(whole, ...parts));
  const ways = parts.slice(0, -1).map((_, index) => join(whole, ...parts.slice(0, index + 1)));
  const taken = ways.some((way) => lstatSync(way, { throwIfNoEntry: false })?.isDirectory() === false);
  if (taken || conflict(from, to, true) !== undefined)
    throw new ToolError("registry", `the artifact ${name} cannot be pulled`, {
      why: `another of its layers is in the way of ${JSON.stringify(title)}`,
    });
  writing(dirname(shownPath(to)), () => makeFolders(dirname(shownPath(to))));
  merge(from, to);
}

/** Puts what was restored in its place; folders that are there are merged with. */
function merge(from: ByteString, to: ByteString): void {
  const stats = lstatSync(rawPath(from));
  const there = lstatSync(rawPath(to), { throwIfNoEntry: false });
  // A folder that its owner may not write to can neither be moved nor emptied by a normal user.
  if (stats.isDirectory()) chmodSync(rawPath(from), 0o700);
  if (there?.isDirectory() === true && stats.isDirectory()) {
    for (const name of namesIn(from)) merge(`${from}/${name}`, `${to}/${name}`);
    return;
  }
  writing(shownPath(to), () => {
    renameSync(rawPath(from), rawPath(to));
    if (stats.isDirectory()) chmodSync(rawPath(to), stats.mode & 0o7777);
  });
}

/** Removes a folder with all it holds, folders that their owner may not write to included. */
function remove(folder: string): void {
  const open = (path: ByteString) => {
    chmodSync(rawPath(path), 0o700);
    for (const entry of readdirSync(rawPath(path), { withFileTypes: true, encoding: "latin1" as BufferEncoding }))
      if (entry.isDirectory()) open(`${path}/${entry.name}`);
  };
  open(byteString(folder));
  rmSync(folder, { recursive: true, force: true });
}

/** Throws `cannotCreate` where a folder and a file would take each other's place, or a file one that is to be kept. */
function checkPlace(from: ByteString, to: ByteString, keepOldFiles: boolean): void {
  const found = conflict(from, to, keepOldFiles);
  if (found !== undefined)
    throw new ToolError("cannotCreate", `${shownPath(found.path)} is there already`, { why: found.why });
}

/** What is in the way of putting one thing, with all it holds, in the place of another: nothing but files that may be replaced. */
function conflict(
  from: ByteString,
  to: ByteString,
  keepOldFiles: boolean,
): { readonly path: ByteString; readonly why: string } | undefined {
  const there = lstatSync(rawPath(to), { throwIfNoEntry: false });
  if (there === undefined) return undefined;
  const folder = there.isDirectory();
  if (folder !== lstatSync(rawPath(from)).isDirectory())
    return { path: to, why: folder ? "it is a folder" : "it is no folder" };
  if (!folder) return keepOldFiles ? { path: to, why: "--keep-old-files" } : undefined;
  for (const name of namesIn(from)) {
    const found = conflict(`${from}/${name}`, `${to}/${name}`, keepOldFiles);
    if (found !== undefined) return found;
  }
  return undefined;
}

function namesIn(folder: ByteString): ByteString[] {
  return readdirSync(rawPath(folder), { encoding: "latin1" });
}

function writing<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): ToolError {
  return new ToolError("cannotCreate", `cannot write ${path}`, { why: reasonOf(error), cause: error });
}
