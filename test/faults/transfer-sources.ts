/** The files and folders that random transfers push, and their artifacts. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { OCI_MANIFEST } from "oras-push/oci/media-types";
import { digestOf } from "oras-push/oci/meter";
import { type MemoryRegistry, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { noise, prose } from "../support/noise.ts";
import { type Outcome, PATIENT, pushInProcess } from "./transfers.ts";

const SMALL = ["small-file", "empty-file", "small-folder", "medium-file"];
const LARGE = ["large-file", "large-folder"];

/** A size in bytes. A layer of this size is too large to be read before the upload. */
export const LARGE_BYTES = 9 << 20;

/** The probability that a push contains a path, from 0 to 1. */
const FREQUENCY: Readonly<Record<string, number>> = {
  ...{ "small-file": 0.5, "empty-file": 0.25, "small-folder": 0.5, "medium-file": 0.4 },
  ...{ "large-file": 0.02, "large-folder": 0.02 },
};

/** The modification time of all files, in seconds since 1970. */
const TIME = 1_700_000_000;

/** Creates all files and folders. */
export function makeSources(folder: string): void {
  writeFileSync(join(folder, "small-file"), prose(5000));
  writeFileSync(join(folder, "empty-file"), "");
  writeFileSync(join(folder, "medium-file"), noise(300_000));
  writeFileSync(join(folder, "large-file"), noise(LARGE_BYTES));
  mkdirSync(join(folder, "small-folder", "nested"), { recursive: true });
  writeFileSync(join(folder, "small-folder", "nested", "text"), prose(20_000, 2));
  writeFileSync(join(folder, "small-folder", "empty"), "");
  writeFileSync(join(folder, "small-folder", "run.sh"), "#!/bin/sh\n");
  chmodSync(join(folder, "small-folder", "run.sh"), 0o755);
  symlinkSync("nested/text", join(folder, "small-folder", "link"));
  mkdirSync(join(folder, "large-folder"));
  writeFileSync(join(folder, "large-folder", "noise"), noise(LARGE_BYTES, 3));
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" }))
    if (lstatSync(join(folder, path)).isFile()) utimesSync(join(folder, path), TIME, TIME);
}

/** Chooses one or more paths for a push. */
export function drawNames(random: () => number): string[] {
  const names = [...SMALL, ...LARGE].filter((name) => random() < (FREQUENCY[name] ?? 0));
  return names.length > 0 ? names : ["small-file"];
}

/** Whether a push contains a large file or folder. */
export function hasLarge(names: readonly string[]): boolean {
  return names.some((name) => LARGE.includes(name));
}

/** A file or a folder as text: kinds, modes and contents of all entries, and the times of files. */
export function fingerprint(path: string): string {
  const stats = lstatSync(path);
  const mode = (stats.mode & 0o7777).toString(8);
  if (stats.isSymbolicLink()) return `link to ${readlinkSync(path)}`;
  if (stats.isFile()) return `file ${mode} ${stats.mtimeMs / 1000} ${digestOf(readFileSync(path))}`;
  const entries = readdirSync(path).sort();
  return `folder ${mode} { ${entries.map((name) => `${name}: ${fingerprint(join(path, name))}`).join(", ")} }`;
}

/** The artifact of some paths, as a push without faults stores it. */
export interface StoredArtifact {
  readonly manifest: Buffer;
  readonly digest: string;
  /** The blobs by their digests. */
  readonly blobs: ReadonlyMap<string, Buffer>;
  /** The digests of the layers, in the order of the manifest. */
  readonly layers: readonly string[];
}

/** The fields of a manifest that name blobs. */
export interface NamedBlobs {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

/** Makes artifacts, each once. */
export class ArtifactCache {
  readonly folder: string;
  readonly #artifacts = new Map<string, Promise<StoredArtifact>>();

  /** `folder` is the folder of {@link makeSources}. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** The artifact of some paths. */
  artifact(names: readonly string[]): Promise<StoredArtifact> {
    const key = names.join();
    const known = this.#artifacts.get(key) ?? this.#make(names);
    this.#artifacts.set(key, known);
    return known;
  }

  async #make(names: readonly string[]): Promise<StoredArtifact> {
    const registry = await startMemoryRegistry();
    try {
      const references = [`${registry.address}/metric/run:1`];
      const push = {
        references,
        folder: this.folder,
        names,
        concurrency: 1,
        noClobber: false,
        env: {},
        limits: PATIENT,
      };
      const { artifacts, failure, log }: Outcome = await pushInProcess(push);
      const manifest = registry.manifests.get("metric/run:1")?.bytes;
      if (failure !== undefined || manifest === undefined) throw new Error(`a push without faults fails: ${log}`);
      const { layers } = JSON.parse(manifest.toString()) as NamedBlobs;
      const digests = layers.map(({ digest }) => digest);
      return { manifest, digest: artifacts[0]?.digest ?? "", blobs: new Map(registry.blobs), layers: digests };
    } finally {
      await registry.close();
    }
  }
}

/** Stores an artifact in a registry. `name` is `REPOSITORY:TAG`. */
export function storeArtifact(
  registry: MemoryRegistry,
  name: string,
  { manifest, digest, blobs }: StoredArtifact,
): void {
  for (const [key, blob] of blobs) registry.blobs.set(key, blob);
  const stored = { bytes: manifest, mediaType: OCI_MANIFEST };
  registry.manifests.set(name, stored);
  registry.manifests.set(`${name.replace(/:.*/, "")}@${digest}`, stored);
}
