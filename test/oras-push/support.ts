/**
 * Helpers for the tests of this package: archives made by hand, artifacts in a registry, and connections to a registry.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Progress } from "oras-push/artifact/progress";
import { ANNOTATIONS } from "oras-push/oci/annotations";
import type { Descriptor } from "oras-push/oci/descriptor";
import { Transport, type TransportOptions } from "oras-push/oci/http/transport";
import { buildManifest } from "oras-push/oci/manifest";
import { FILE_LAYER, FOLDER_LAYER } from "oras-push/oci/media-types";
import { digestOf } from "oras-push/oci/meter";
import { Repository } from "oras-push/oci/repository";
import { readPart } from "oras-push/tar/file-part";
import type { SegmentSource } from "oras-push/tar/segments";
import { type MemoryRegistry, startMemoryRegistry } from "../../support/registry/memory-registry.ts";

export { noise, prose } from "../support/noise.ts";

/** Runs functions after a test. */
export interface Cleaner {
  after(clean: () => void | Promise<void>): void;
}

/** The client retries a failed request almost at once, but for at most five seconds. */
export const QUICK_RETRY = { deadlineSeconds: 5, firstDelay: 1, longestDelay: 10 };

/** A progress report that shows nothing. */
export const NO_PROGRESS: Progress = {
  upload: () => ({ watch: (source) => source, done: () => {} }),
  exists: () => {},
  mounted: () => {},
  download: () => ({ watch: (source) => source, done: () => {} }),
};

/** All bytes of a stream. */
export async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Streams bytes in pieces of `size` bytes. */
export async function* pieces(bytes: Buffer, size = 64 << 10): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

/** The bytes of an archive, in segments of `size` bytes. */
export async function* archiveBytes(source: SegmentSource, size = 512 << 10): AsyncGenerator<Buffer> {
  for (;;) {
    const target = Buffer.alloc(size, "garbage");
    const segment = source.next(target);
    if (segment === undefined) return;
    for (const part of segment.parts) readPart(part, target);
    yield target.subarray(0, segment.length);
  }
}

/** Checks that two byte arrays are equal. The error does not list the bytes, because there may be many. */
export function assertBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.ok(actual !== undefined, "there are no bytes");
  assert.equal(actual.length, expected.length);
  assert.ok(Buffer.compare(actual, expected) === 0, "the bytes differ");
}

/** sha256 in hexadecimal digits. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** An entry of an archive made by hand. By default, the entry is a file. */
export interface Entry {
  readonly name: string;
  /** The type flag: 0 file, 1 hard link, 2 symbolic link, 3 device, 5 folder, 6 FIFO, x and g extended headers. */
  readonly flag?: "0" | "1" | "2" | "3" | "5" | "6" | "x" | "g";
  readonly content?: Buffer | string;
  readonly link?: string;
  readonly mode?: number;
}

/** Creates a USTAR archive. This function follows the standard, and does not use the code under test. */
export function tarOf(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ name, flag = "0", content = "", link = "", mode }) => {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write((mode ?? (flag === "5" ? 0o755 : 0o644)).toString(8).padStart(7, "0"), 100);
    header.write("0000000", 108);
    header.write("0000000", 116);
    header.write(bytes.length.toString(8).padStart(11, "0"), 124);
    header.write((1_000_000_000).toString(8).padStart(11, "0"), 136);
    header.fill(" ", 148, 156);
    header.write(flag, 156);
    header.write(link, 157, 100);
    header.write("ustar\x0000", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** Starts a server for one test on the loopback interface. Returns the address. */
export async function startServer(t: Cleaner, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Starts an in-memory registry for one test. */
export async function memoryRegistry(t: Cleaner): Promise<MemoryRegistry> {
  const registry = await startMemoryRegistry();
  t.after(() => registry.close());
  return registry;
}

/** Opens a connection to a registry without credentials. `options` replace the default options. */
export function connect(t: Cleaner, address: string, options: Partial<TransportOptions> = {}): Transport {
  const transport = new Transport(address, {
    credentials: () => Promise.resolve(undefined),
    retry: QUICK_RETRY,
    signal: new AbortController().signal,
    userAgent: "test",
    env: {},
    debug: () => {},
    warn: () => {},
    ...options,
  });
  t.after(() => transport.close());
  return transport;
}

/** The repository `metric/run` of a registry. */
export function repositoryAt(t: Cleaner, address: string, options: Partial<TransportOptions> = {}): Repository {
  return new Repository(connect(t, address, options), "metric/run", "pull,push");
}

/** A layer that a test puts into a registry. */
export interface StoredLayer {
  readonly bytes: Buffer;
  readonly mediaType?: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The layer of a file. */
export function fileLayer(title: string, bytes: Buffer | string): StoredLayer {
  return { bytes: Buffer.from(bytes), annotations: { [ANNOTATIONS.title]: title } };
}

/** Returns the layer of a folder. `bytes` is the layer's content. By default, it is `archive`, compressed by zlib. */
export function folderLayer(title: string, archive: Buffer, bytes: Buffer = gzipSync(archive)): StoredLayer {
  const annotations = { [ANNOTATIONS.title]: title, [ANNOTATIONS.unpack]: "true" };
  return { bytes, mediaType: FOLDER_LAYER, annotations };
}

/** Puts an artifact directly into the memory of a registry, without a request. Returns the digest of the manifest. */
export function storeArtifact(
  registry: MemoryRegistry,
  tag: string,
  layers: readonly StoredLayer[],
  repository = "metric/run",
): string {
  const descriptors = layers.map(({ bytes, mediaType = FILE_LAYER, annotations }): Descriptor => {
    const digest = digestOf(bytes);
    registry.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length, annotations };
  });
  const { bytes, descriptor } = buildManifest({ layers: descriptors, annotations: {} });
  storeManifest(registry, tag, bytes, repository);
  return descriptor.digest;
}

/** Puts bytes into a registry as a manifest. The bytes need not be a valid manifest. */
export function storeManifest(registry: MemoryRegistry, tag: string, bytes: Buffer, repository = "metric/run"): void {
  const stored = { bytes, mediaType: "application/vnd.oci.image.manifest.v1+json" };
  registry.manifests.set(`${repository}:${tag}`, stored);
  registry.manifests.set(`${repository}@${digestOf(bytes)}`, stored);
}

/** The layers of a stored manifest. */
export function layersOf(registry: MemoryRegistry, key: string): readonly Descriptor[] {
  const stored = registry.manifests.get(key);
  if (stored === undefined) throw new Error(`${key} is not in the registry`);
  return (JSON.parse(stored.bytes.toString()) as { layers: Descriptor[] }).layers;
}

/**
 * Lists the content of a folder. Maps the path of a file to its content, the path of a link to `-> ` and its target,
 * and the path of a folder to the text `folder`.
 */
export function treeOf(folder: string, below = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(folder, below)).sort()) {
    const path = join(below, name);
    const stats = lstatSync(join(folder, path));
    if (stats.isDirectory()) Object.assign(found, { [path]: "folder" }, treeOf(folder, path));
    else if (stats.isSymbolicLink()) found[path] = `-> ${readlinkSync(join(folder, path))}`;
    else found[path] = readFileSync(join(folder, path), "utf8");
  }
  return found;
}
