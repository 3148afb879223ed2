import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Descriptor } from "oras-push/oci/descriptor";
import { Layout } from "oras-push/oci/layout/layout";
import { digestOf } from "oras-push/oci/meter";
import { ensureProgram } from "../../support/debian.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

/** An image for one platform (image-spec, manifest.md). */
interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** A platform as an index names it (image-spec, image-index.md). */
interface Platform {
  readonly architecture: string;
  readonly os: string;
}

/** An image for several platforms, as it was written to an archive. */
export interface WrittenImage {
  /** Digest of its index. */
  readonly digest: string;
  /** Compressed size of all layers in bytes, by architecture. */
  readonly sizes: Readonly<Record<string, number>>;
}

/**
 * Writes an archive of an OCI layout with an image of several platforms: from a folder in which podman left one
 * uncompressed (its `dir` transport), with the layers compressed by libdeflate, for what podman itself compresses is too
 * large. The same image always gives the same bytes. `name` is the one that whoever loads it gives it.
 */
export async function writeOciArchive(folder: string, archive: string, name: string): Promise<WrittenImage> {
  ensureProgram("libdeflate-gzip", ["libdeflate-tools"]);
  const staging = `${archive}.${process.pid}`;
  const layout = new Layout(staging, new AbortController().signal);
  await layout.create();
  const list = readJson(join(folder, "manifest.json")) as { manifests: (Descriptor & { platform: Platform })[] };
  const written = await Promise.all(
    list.manifests.map(async ({ digest, platform }) => {
      const manifest = readJson(join(folder, `${hex(digest)}.manifest.json`)) as Manifest;
      return { ...(await storeManifest(layout, folder, manifest)), platform };
    }),
  );
  // podman builds the platforms at once and lists them as they come.
  written.sort((one, other) => one.platform.architecture.localeCompare(other.platform.architecture));
  const manifests = written.map(({ descriptor, platform }) => ({ ...descriptor, platform }));
  const index = await store(layout, INDEX, { schemaVersion: 2, mediaType: INDEX, manifests });
  // containerd takes the name from its own annotation, podman from the other.
  const annotations = { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name };
  const root = { schemaVersion: 2, mediaType: INDEX, manifests: [{ ...index, annotations }] };
  writeFileSync(join(staging, "index.json"), JSON.stringify(root));
  pack(staging, archive);
  rmSync(staging, { recursive: true });
  return {
    digest: index.digest,
    sizes: Object.fromEntries(written.map(({ platform, size }) => [platform.architecture, size])),
  };
}

async function storeManifest(layout: Layout, folder: string, { config, layers }: Manifest) {
  await layout.pushBlob(readFileSync(join(folder, hex(config.digest))), config.digest);
  const compressed = await Promise.all(
    layers.map(async ({ digest }) => {
      const bytes = await compress(join(folder, hex(digest)));
      const blob = { mediaType: LAYER, digest: digestOf(bytes), size: bytes.length };
      await layout.pushBlob(bytes, blob.digest);
      return blob;
    }),
  );
  const size = compressed.reduce((sum, layer) => sum + layer.size, 0);
  const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers: compressed };
  return { descriptor: await store(layout, MANIFEST, manifest), size };
}

async function compress(file: string): Promise<Buffer> {
  const options = { encoding: "buffer", maxBuffer: 2 ** 30 } as const;
  return (await promisify(execFile)("libdeflate-gzip", ["-9", "-c", file], options)).stdout;
}

async function store(layout: Layout, mediaType: string, value: object): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(value));
  const digest = digestOf(bytes);
  await layout.pushBlob(bytes, digest);
  return { mediaType, digest, size: bytes.length };
}

function pack(folder: string, archive: string): void {
  mkdirSync(dirname(archive), { recursive: true });
  const fixed = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"];
  execFileSync("tar", [
    "--format=ustar",
    ...fixed,
    "-cf",
    `${folder}.tar`,
    "-C",
    folder,
    "blobs",
    "index.json",
    "oci-layout",
  ]);
  renameSync(`${folder}.tar`, archive);
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

function hex(digest: string): string {
  return digest.slice("sha256:".length);
}
