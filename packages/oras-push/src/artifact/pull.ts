import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { toBytePath } from "shared/fs/byte-path";
import { makeFolders } from "shared/fs/folders";
import { writing } from "shared/fs/path-failure";
import { uniqueName } from "shared/fs/unique-name";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Annotations, Descriptor } from "../oci/descriptor.ts";
import { type Manifest, ManifestError, parseManifest, type StoredManifest } from "../oci/manifest.ts";
import { EMPTY_JSON, FOLDER_LAYER } from "../oci/media-types.ts";
import { safeParts, UnsafePathError } from "../tar/entry-path.ts";
import { mapConcurrently } from "./concurrency.ts";
import { checkFree, findConflict, merge, namesIn } from "./place-files.ts";
import type { Progress } from "./progress.ts";
import { restoreLayer, type TitledLayer } from "./restore-layer.ts";
import { withStaging } from "./staging.ts";

/** The store operations that a pull needs. */
export type PullSource = Pick<ArtifactStore, "fetchManifest" | "fetchBlob">;

/** How to pull. */
export interface PullOptions {
  /** The folder for the artifact's files and folders. The pull creates this folder if it is missing. */
  readonly folder: string;
  /** If true, an existing file makes the pull fail. If false, the pull overwrites the file. */
  readonly keepOldFiles: boolean;
  /**
   * A staging folder that several pulls share. It must be on the file system of `folder`, and the parent of `folder`
   * must exist. By default, the pull creates its own staging folder in `folder`.
   */
  readonly staging?: string;
  /** The maximum number of layers that are fetched at the same time. */
  readonly concurrency: number;
  readonly progress: Progress;
  /**
   * Receives a line of text if an artifact has layers that the pull does not restore. By default, this line is
   * discarded.
   */
  readonly warn?: Log;
  /**
   * A function that checks the manifest's annotations before layers are fetched. To refuse the artifact, the function
   * throws an error. By default, all artifacts are accepted.
   */
  readonly check?: ((annotations: Annotations) => void) | undefined;
}

/** A pulled artifact. */
export interface PullResult {
  readonly manifest: StoredManifest;
  /** The restored layers. */
  readonly layers: readonly { readonly descriptor: Descriptor }[];
}

/**
 * Pulls an artifact into a folder: restores every layer that has a title, and unpacks the layers of folders. Checks
 * sizes and digests. If the whole artifact is valid, renames the files to their final paths. `pointer` is a tag or a
 * digest. `name` is the artifact's name in messages. Throws `registry` if the artifact is missing, broken or unsafe,
 * and `cannotCreate` if a file cannot be written.
 */
export async function pull(
  source: PullSource,
  name: string,
  pointer: string,
  options: PullOptions,
): Promise<PullResult> {
  const found = await findArtifact(source, name, pointer, options.check);
  if (found === undefined) throw new ToolError("registry", `no artifact ${name}`, { why: "not found" });
  const { manifest } = found;
  const layers = titledLayers(found.artifact, name);
  checkTitles(found.artifact, layers.length, name, options.warn);
  const restore = async (staging: string) => {
    const whole = await restoreLayers(source, layers, name, staging, options);
    moveIntoPlace(whole, options);
  };
  if (options.staging === undefined) await withStaging(options.folder, restore);
  else await restore(options.staging);
  return { manifest, layers };
}

/** An artifact's manifest, as stored bytes and in parsed form. */
export interface FoundArtifact {
  readonly manifest: StoredManifest;
  readonly artifact: Manifest;
}

/**
 * Finds an artifact by tag or digest. Returns undefined if the artifact does not exist. Calls `check` with the
 * annotations of the artifact. Throws `registry` if the manifest is invalid.
 */
export async function findArtifact(
  source: PullSource,
  name: string,
  pointer: string,
  check: PullOptions["check"],
): Promise<FoundArtifact | undefined> {
  const manifest = await source.fetchManifest(pointer);
  if (manifest === undefined) return undefined;
  const artifact = readManifest(manifest, name);
  check?.(artifact.annotations);
  return { manifest, artifact };
}

function readManifest(manifest: StoredManifest, name: string): Manifest {
  try {
    return parseManifest(manifest.bytes);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    throw cannotPull(name, error.message);
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
    throw cannotPull(name, error.message);
  }
}

/**
 * Warns about layers without a title, because a pull does not restore these layers. If all layers lack a title, as in a
 * container image, throws `registry` instead. Accepts an artifact without content, although its empty layer has no
 * title.
 */
function checkTitles({ layers }: Manifest, titled: number, name: string, warn: Log = () => {}): void {
  const untitled = layers.filter(
    ({ mediaType, annotations }) => mediaType !== EMPTY_JSON && annotations?.[ANNOTATIONS.title] === undefined,
  ).length;
  if (untitled === 0) return;
  if (titled > 0) return warn(`${name}: skipped layers without a title: ${untitled} of ${untitled + titled}`);
  throw new ToolError("registry", `nothing to restore from ${name}`, {
    why: `none of its layers has the annotation ${ANNOTATIONS.title}`,
    hint: "check the reference: the layers of a container image have no such annotation",
  });
}

function titleParts(title: string): string[] {
  try {
    return safeParts(title);
  } catch (error) {
    throw new UnsafePathError(`a layer's title ${JSON.stringify(title)} is ${(error as Error).message}`);
  }
}

/** Restores layers into subfolders of `staging`. Returns the subfolder that contains the files of all layers. */
async function restoreLayers(
  source: PullSource,
  layers: readonly TitledLayer[],
  name: string,
  staging: string,
  { concurrency, progress }: PullOptions,
): Promise<string> {
  const whole = join(staging, uniqueName());
  writing(whole, () => mkdirSync(whole));
  // If two layers may contain files with the same name, each layer gets a separate folder. Otherwise, all layers share
  // one folder, because this is faster.
  const apart = !areDistinctFiles(layers);
  const restored = await mapConcurrently([...layers.entries()], concurrency, async ([index, layer]) => {
    const place = apart ? `${whole}-${index}` : whole;
    await restoreLayer(source, layer, place, progress);
    return { place, layer };
  });
  if (apart) for (const { place, layer } of restored) addLayer(place, whole, layer, name);
  return whole;
}

/**
 * Whether each layer restores a different path. This is true if all layers are files, and no two titles have the same
 * first part.
 */
function areDistinctFiles(layers: readonly TitledLayer[]): boolean {
  const isFile = ({ descriptor: { mediaType, annotations } }: TitledLayer) =>
    mediaType !== FOLDER_LAYER && annotations?.[ANNOTATIONS.unpack] !== "true";
  const roots = new Set(layers.map(({ parts }) => parts[0]));
  return layers.every(isFile) && roots.size === layers.length && !roots.has(undefined);
}

/**
 * Moves the content of `whole` to the target folder. First checks that no file or folder conflicts with an existing
 * file or folder. If the target folder does not exist, `whole` becomes the target folder.
 */
function moveIntoPlace(whole: string, { folder, keepOldFiles }: PullOptions): void {
  if (!existsSync(folder)) return writing(folder, () => renameSync(whole, folder));
  const moves = namesIn(toBytePath(whole)).map((top) => ({
    from: `${toBytePath(whole)}/${top}`,
    to: `${toBytePath(folder)}/${top}`,
  }));
  for (const { from, to } of moves) checkFree(from, to, keepOldFiles);
  for (const { from, to } of moves) merge(from, to);
}

/**
 * Moves a restored layer into the folder `whole`, which collects all layers. Throws `registry` if two layers contain a
 * file with the same path. Also throws `registry` if the layer needs a parent folder, and another layer contains a file
 * or a link at the path of this folder.
 */
function addLayer(place: string, whole: string, { title, parts }: TitledLayer, name: string): void {
  const from = toBytePath(join(place, ...parts));
  const to = toBytePath(join(whole, ...parts));
  const parents = parts.slice(0, -1).map((_, index) => join(whole, ...parts.slice(0, index + 1)));
  if (findConflict(from, to, { keepOldFiles: true, parents }) !== undefined)
    throw cannotPull(name, `the layer ${JSON.stringify(title)} conflicts with another layer`);
  const parent = join(whole, ...parts.slice(0, -1));
  writing(parent, () => makeFolders(parent));
  merge(from, to);
}

function cannotPull(name: string, why: string): ToolError {
  return new ToolError("registry", `cannot pull the artifact ${name}`, { why });
}
