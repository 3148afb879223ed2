import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The configuration of an image (image-spec, config.md). */
export interface ImageConfig {
  readonly created: string;
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
  };
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** An image for one platform. */
export interface PlatformImage {
  readonly architecture: string;
  readonly config: ImageConfig;
  /** The files of the compressed layers, and their sizes in bytes. */
  readonly layers: readonly { readonly file: string; readonly size: number }[];
}

interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly architecture: string };
}

/** An archive of an OCI layout with images. */
export interface OpenArchive {
  /** The names of all images. */
  readonly names: readonly string[];
  /** The platforms of the first image. */
  readonly images: readonly PlatformImage[];
}

/** Extracts an archive of an OCI layout to a folder. */
export function openArchive(archive: string, folder: string): OpenArchive {
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", ["-xf", archive, "-C", folder]);
  const { manifests } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { manifests: Descriptor[] };
  const [index] = manifests as [Descriptor];
  const platforms = readJson<{ manifests: Descriptor[] }>(folder, index).manifests;
  return {
    names: manifests.map(({ annotations }) => annotations?.["org.opencontainers.image.ref.name"] ?? ""),
    images: platforms.map((descriptor) => readImage(folder, descriptor)),
  };
}

function readImage(folder: string, descriptor: Descriptor): PlatformImage {
  const { config, layers } = readJson<{ config: Descriptor; layers: Descriptor[] }>(folder, descriptor);
  return {
    architecture: descriptor.platform?.architecture ?? "",
    config: readJson<ImageConfig>(folder, config),
    layers: layers.map((layer) => ({ file: blobPath(folder, layer), size: layer.size })),
  };
}

function readJson<T>(folder: string, descriptor: Descriptor): T {
  return JSON.parse(readFileSync(blobPath(folder, descriptor), "utf8")) as T;
}

function blobPath(folder: string, { digest }: Descriptor): string {
  return join(folder, "blobs", digest.replace(":", "/"));
}
