import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What is set for the containers of an image (image-spec, config.md). */
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
  /** Compressed layers: their files, and their sizes in bytes. */
  readonly layers: readonly { readonly file: string; readonly size: number }[];
}

interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly architecture: string };
}

/** Unpacks an archive of an OCI layout into a folder; gives the names in it, and the images of the first. */
export function openArchive(archive: string, folder: string): { names: string[]; images: PlatformImage[] } {
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", ["-xf", archive, "-C", folder]);
  const { manifests } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { manifests: Descriptor[] };
  const path = ({ digest }: Descriptor) => join(folder, "blobs", digest.replace(":", "/"));
  const read = <T>(descriptor: Descriptor) => JSON.parse(readFileSync(path(descriptor), "utf8")) as T;
  const list = read<{ manifests: Descriptor[] }>(manifests[0] as Descriptor);
  return {
    names: manifests.map(({ annotations }) => annotations?.["org.opencontainers.image.ref.name"] ?? ""),
    images: list.manifests.map((descriptor) => {
      const { config, layers } = read<{ config: Descriptor; layers: Descriptor[] }>(descriptor);
      return {
        architecture: descriptor.platform?.architecture ?? "",
        config: read<ImageConfig>(config),
        layers: layers.map((layer) => ({ file: path(layer), size: layer.size })),
      };
    }),
  };
}
