import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { toBytePath } from "shared/fs/byte-path";
import { makeFolders } from "shared/fs/folders";
import { writing } from "shared/fs/path-failure";
import { removeTree } from "shared/fs/remove-tree";
import { uniqueName } from "shared/fs/unique-name";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Annotations, Descriptor } from "../oci/descriptor.ts";
import { type Manifest, ManifestError, parseManifest, type StoredManifest } from "../oci/manifest.ts";
import { safeParts, UnsafePathError } from "../tar/entry-path.ts";
import { mapConcurrently } from "./concurrency.ts";
import { checkFree, findConflict, merge, namesIn } from "./place-files.ts";
import type { Progress } from "./progress.ts";
import { restoreLayer, type TitledLayer } from "./restore-layer.ts";

/** The store operations that a pull needs. */
export type PullSource = Pick<ArtifactStore, "fetchManifest" | "fetchBlob">;

/** How to pull. */
export interface PullOptions {
  /** The folder for the artifact's files and folders; created if it is missing. */
  readonly folder: string;
  /** Whether to fail if a file exists, instead of overwriting it. */
  readonly keepOldFiles: boolean;
  /** Number of layers that are fetched at the same time. */
  readonly concurrency: number;
  readonly progress: Progress;
  /**
   * Checks the manifest's annotations before layers are fetched, and throws to refuse the artifact. Accepts all
   * artifacts by default.
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
 * Pulls an artifact: restores every layer with a title below the folder, and unpacks the layers of folders. Checks
 * sizes and digests, and moves files into place only when the whole artifact is correct, by rename. `pointer` is a tag
 * or a digest, `name` is the artifact's name in messages. Throws `registry` if the artifact is missing, broken or
 * unsafe, and `cannotCreate` if a file cannot be written.
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
  const staging = join(options.folder, `.oras-push-${uniqueName()}`);
  writing(staging, () => makeFolders(staging));
  try {
    const whole = await restoreLayers(source, layers, name, staging, options);
    moveIntoPlace(whole, options);
  } finally {
    removeTree(staging);
  }
  return { manifest, layers };
}

/** An artifact's manifest, stored and parsed. */
export interface FoundArtifact {
  readonly manifest: StoredManifest;
  readonly artifact: Manifest;
}

/**
 * Finds an artifact by tag or digest; undefined if there is none. Calls `check` with its annotations. Throws `registry` if
 * the manifest is invalid.
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

function titleParts(title: string): string[] {
  try {
    return safeParts(title);
  } catch (error) {
    throw new UnsafePathError(`a layer's title ${JSON.stringify(title)} is ${(error as Error).message}`);
  }
}

/** Restores layers in the folder `staging`. Returns the folder there that contains all of them. */
async function restoreLayers(
  source: PullSource,
  layers: readonly TitledLayer[],
  name: string,
  staging: string,
  { concurrency, progress }: PullOptions,
): Promise<string> {
  // Each layer gets a separate folder, because two layers may contain the same name.
  const restored = await mapConcurrently([...layers.entries()], concurrency, async ([index, layer]) => {
    const place = join(staging, String(index));
    await restoreLayer(source, layer, place, progress);
    return { place, layer };
  });
  const whole = join(staging, "whole");
  writing(whole, () => mkdirSync(whole));
  for (const { place, layer } of restored) addLayer(place, whole, layer, name);
  return whole;
}

/** Moves the content of `whole` to the target folder, after a check of all names. */
function moveIntoPlace(whole: string, { folder, keepOldFiles }: PullOptions): void {
  const moves = namesIn(toBytePath(whole)).map((top) => ({
    from: `${toBytePath(whole)}/${top}`,
    to: `${toBytePath(folder)}/${top}`,
  }));
  for (const { from, to } of moves) checkFree(from, to, keepOldFiles);
  for (const { from, to } of moves) merge(from, to);
}

/**
 * Moves a restored layer beside the other layers of its artifact. Throws `registry` if two layers contain the same
 * name, or if the path of one layer passes through a link of another layer.
 */
function addLayer(place: string, whole: string, { title, parts }: TitledLayer, name: string): void {
  const from = toBytePath(join(place, ...parts));
  const to = toBytePath(join(whole, ...parts));
  const parents = parts.slice(0, -1).map((_, index) => join(whole, ...parts.slice(0, index + 1)));
  if (findConflict(from, to, { keepOldFiles: true, parents }) !== undefined)
    throw cannotPull(name, `another of its layers conflicts with ${JSON.stringify(title)}`);
  const parent = join(whole, ...parts.slice(0, -1));
  writing(parent, () => makeFolders(parent));
  merge(from, to);
}

function cannotPull(name: string, why: string): ToolError {
  return new ToolError("registry", `cannot pull the artifact ${name}`, { why });
}
