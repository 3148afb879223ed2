import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Descriptor } from "oras-push/oci/descriptor";
import { Layout } from "oras-push/oci/layout/layout";
import { digestOf } from "oras-push/oci/meter";
import { ensureProgram } from "../../support/debian.ts";
import { writeTar } from "./tar.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

/** The manifest of an image for one platform (image-spec, manifest.md). */
interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** A platform in an index (image-spec, image-index.md). */
interface Platform {
  readonly architecture: string;
  readonly os: string;
}

/** A stored image for one platform. */
interface PlatformImage {
  readonly descriptor: Descriptor;
  readonly platform: Platform;
  /** The total size of the compressed layers, in bytes. */
  readonly size: number;
}

/** An image for several platforms in an archive. */
export interface WrittenImage {
  /** The digest of its index. */
  readonly digest: string;
  /** Maps each architecture to the total size of the compressed layers, in bytes. */
  readonly sizes: Readonly<Record<string, number>>;
}

/**
 * Writes an image for several platforms to an archive of an OCI layout. The uncompressed image is in `folder`, in the
 * format of podman's `dir` transport. libdeflate compresses the layers, because podman's own compression is weaker. The
 * same image always gives the same bytes. After an engine has loaded the archive, the image has the name `name`.
 */
export async function writeOciArchive(folder: string, archive: string, name: string): Promise<WrittenImage> {
  ensureProgram("libdeflate-gzip", ["libdeflate-tools"]);
  const staging = `${archive}.${process.pid}`;
  const layout = new Layout(staging, new AbortController().signal);
  await layout.create();
  const images = await storeImages(layout, folder);
  const manifests = images.map(({ descriptor, platform }) => ({ ...descriptor, platform }));
  const index = await storeJson(layout, INDEX, { schemaVersion: 2, mediaType: INDEX, manifests });
  writeLayoutIndex(staging, index, name);
  mkdirSync(dirname(archive), { recursive: true });
  writeTar(staging, ["blobs", "index.json", "oci-layout"], archive, 0);
  rmSync(staging, { recursive: true });
  const sizes = Object.fromEntries(images.map(({ platform, size }) => [platform.architecture, size]));
  return { digest: index.digest, sizes };
}

/** Stores the images of all platforms, and returns them sorted by architecture. */
async function storeImages(layout: Layout, folder: string): Promise<PlatformImage[]> {
  const list = readJson(join(folder, "manifest.json")) as { manifests: (Descriptor & { platform: Platform })[] };
  const images = await Promise.all(
    list.manifests.map(async ({ digest, platform }) => {
      const manifest = readJson(join(folder, `${hex(digest)}.manifest.json`)) as Manifest;
      return { ...(await storeImage(layout, folder, manifest)), platform };
    }),
  );
  // podman builds the platforms in parallel, and their order in `list` can differ between two builds.
  return images.sort((one, other) => one.platform.architecture.localeCompare(other.platform.architecture));
}

async function storeImage(layout: Layout, folder: string, { config, layers }: Manifest) {
  await layout.pushBlob(readFileSync(join(folder, hex(config.digest))), config.digest);
  const compressed = await Promise.all(layers.map(({ digest }) => storeLayer(layout, join(folder, hex(digest)))));
  const size = compressed.reduce((sum, layer) => sum + layer.size, 0);
  const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers: compressed };
  return { descriptor: await storeJson(layout, MANIFEST, manifest), size };
}

async function storeLayer(layout: Layout, file: string): Promise<Descriptor> {
  const options = { encoding: "buffer", maxBuffer: 2 ** 30 } as const;
  const { stdout } = await promisify(execFile)("libdeflate-gzip", ["-9", "-c", file], options);
  return await storeBlob(layout, LAYER, stdout);
}

function storeJson(layout: Layout, mediaType: string, value: object): Promise<Descriptor> {
  return storeBlob(layout, mediaType, Buffer.from(JSON.stringify(value)));
}

async function storeBlob(layout: Layout, mediaType: string, bytes: Buffer): Promise<Descriptor> {
  const digest = digestOf(bytes);
  await layout.pushBlob(bytes, digest);
  return { mediaType, digest, size: bytes.length };
}

/** Writes the `index.json` of the layout (image-spec, image-layout.md). */
function writeLayoutIndex(staging: string, index: Descriptor, name: string): void {
  // containerd reads the name from the first annotation. podman reads the name from the second annotation.
  const annotations = { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name };
  const root = { schemaVersion: 2, mediaType: INDEX, manifests: [{ ...index, annotations }] };
  writeFileSync(join(staging, "index.json"), JSON.stringify(root));
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

function hex(digest: string): string {
  return digest.slice("sha256:".length);
}
