import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { reasonOf, systemCode, ToolError } from "shared/cli/tool-error";
import type { Descriptor } from "../descriptor.ts";
import type { Digest } from "../digest.ts";
import { MAX_MANIFEST_BYTES, type StoredManifest } from "../manifest.ts";
import { digestOf, Meter, metered } from "../meter.ts";
import type { Access, SentBlob } from "../repository.ts";
import {
  EMPTY_INDEX,
  findEntry,
  type IndexEntry,
  type LayoutIndex,
  LayoutIndexError,
  parseIndex,
  tagsOf,
  withManifest,
} from "./layout-index.ts";
import { withLock } from "./lock.ts";
import { placeFile } from "./placed-file.ts";

/** The version of the layouts that are read and written (image-spec, image-layout.md, "oci-layout file"). */
const LAYOUT_VERSION = "1.0.0";

/** Blobs are read in pieces of this size, in bytes. */
const PIECE = 1 << 20;

/**
 * Opens an OCI image layout; for a push it is made where there is none. Throws `noInput` for a folder that is no layout, or
 * one of another version, and `cannotCreate` where none can be made.
 */
export async function openLayout(folder: string, access: Access, signal: AbortSignal): Promise<Layout> {
  const layout = new Layout(folder, signal);
  if (access === "pull,push") await layout.create();
  await layout.checkVersion();
  return layout;
}

/**
 * An OCI image layout on disk (image-spec, image-layout.md), by the operations of a repository. Every file in it appears
 * whole, by rename, and any number of processes may push to it at once.
 */
export class Layout {
  readonly #folder: string;
  readonly #blobs: string;
  readonly #signal: AbortSignal;

  constructor(folder: string, signal: AbortSignal) {
    this.#folder = folder;
    this.#blobs = join(folder, "blobs", "sha256");
    this.#signal = signal;
  }

  /** Makes what is missing of a layout. Throws `cannotCreate`. */
  async create(): Promise<void> {
    try {
      await mkdir(this.#blobs, { recursive: true });
    } catch (error) {
      throw new ToolError("cannotCreate", `cannot make the OCI layout ${this.#folder}`, {
        why: reasonOf(error),
        cause: error,
      });
    }
    if ((await this.#readText("oci-layout")) === undefined)
      await this.#writeText("oci-layout", JSON.stringify({ imageLayoutVersion: LAYOUT_VERSION }));
    if ((await this.#readText("index.json")) === undefined) await this.#changeIndex((index) => index);
  }

  /** Throws `noInput` where the folder is no layout of the version that is known here. */
  async checkVersion(): Promise<void> {
    const text = await this.#readText("oci-layout");
    const fail = (why: string) => new ToolError("noInput", `${this.#folder} is not an OCI layout`, { why });
    if (text === undefined) throw fail("there is no oci-layout in it");
    let version: unknown;
    try {
      version = (JSON.parse(text) as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
    } catch {
      throw fail("its oci-layout is not JSON");
    }
    if (version !== LAYOUT_VERSION) throw fail(`its version is ${JSON.stringify(version)}, not ${LAYOUT_VERSION}`);
  }

  /** Whether the layout has a blob. */
  async hasBlob(digest: Digest): Promise<boolean> {
    try {
      return (await stat(this.#path(digest))).isFile();
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      throw this.#unreadable(this.#path(digest), error);
    }
  }

  /** A layout takes no blobs from other places but by writing them. */
  async mountBlob(): Promise<boolean> {
    return false;
  }

  /** A blob's bytes. Throws `noInput` where it is missing or can't be read; who reads checks size and digest. */
  async *fetchBlob({ digest }: Descriptor): AsyncGenerator<Buffer> {
    const path = this.#path(digest);
    let file: FileHandle;
    try {
      file = await open(path, constants.O_RDONLY);
    } catch (error) {
      throw this.#unreadable(path, error);
    }
    try {
      for (;;) {
        this.#signal.throwIfAborted();
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(PIECE));
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } catch (error) {
      throw systemCode(error) === undefined ? error : this.#unreadable(path, error);
    } finally {
      await file.close();
    }
  }

  /** Stores a blob that is at hand. */
  async pushBlob(bytes: Buffer, digest: Digest): Promise<void> {
    await placeFile(this.#folder, async (file) => {
      await file.writeFile(bytes);
      return this.#path(digest);
    });
  }

  /** Stores a blob whose digest and size are known. Throws `noInput` where the bytes are not what they were. */
  async pushKnownBlob(blob: SentBlob, open: () => AsyncIterable<Buffer>): Promise<void> {
    await placeFile(this.#folder, async (file) => {
      const digest = (await this.#fill(file, open())).digest();
      if (digest !== blob.digest) throw new ToolError("noInput", `${blob.digest} changed while it was read`);
      return this.#path(digest);
    });
  }

  /** Stores a blob while it is made. */
  async pushStreamedBlob(open: () => AsyncIterable<Buffer>): Promise<SentBlob> {
    let meter = new Meter();
    await placeFile(this.#folder, async (file) => {
      meter = await this.#fill(file, open());
      return this.#path(meter.digest());
    });
    return { digest: meter.digest(), size: meter.size };
  }

  /** A manifest by tag or digest, its digest checked; undefined where there is none. */
  async fetchManifest(reference: string): Promise<StoredManifest | undefined> {
    const entry = findEntry(await this.#readIndex(), reference);
    return entry === undefined ? undefined : this.#readManifest(entry, reference);
  }

  async #readManifest(entry: IndexEntry, reference: string): Promise<StoredManifest> {
    const path = this.#path(entry.digest);
    const { size } = await stat(path).catch((error) => {
      throw this.#unreadable(path, error);
    });
    if (size > MAX_MANIFEST_BYTES)
      throw new ToolError("registry", `the manifest ${reference} is longer than ${MAX_MANIFEST_BYTES} bytes`);
    const bytes = await readFile(path).catch((error) => {
      throw this.#unreadable(path, error);
    });
    const digest = digestOf(bytes);
    if (digest !== entry.digest)
      throw new ToolError("registry", `the manifest ${reference} is not the one that was asked for`, {
        why: `its digest is ${digest}, not ${entry.digest}`,
      });
    return { bytes, descriptor: { mediaType: entry.mediaType, digest, size: bytes.length } };
  }

  /** Stores a manifest, and names it in the index, under a tag where one is given. */
  async pushManifest(manifest: StoredManifest, tag: string | undefined): Promise<void> {
    await this.pushBlob(manifest.bytes, manifest.descriptor.digest);
    await this.#changeIndex((index) => withManifest(index, manifest.descriptor, tag));
  }

  /** Stores a manifest under a tag that is free, in one turn at the index; where it is not, gives what it names. */
  async addManifest(manifest: StoredManifest, tag: string): Promise<StoredManifest | undefined> {
    await this.pushBlob(manifest.bytes, manifest.descriptor.digest);
    let there: IndexEntry | undefined;
    await this.#changeIndex((index) => {
      there = findEntry(index, tag);
      return there === undefined ? withManifest(index, manifest.descriptor, tag) : undefined;
    });
    return there && this.#readManifest(there, tag);
  }

  /** Whether the index names anything by a tag. */
  async hasTags(): Promise<boolean> {
    return (await this.listTags()).length > 0;
  }

  /** All tags in the order of the index. */
  async listTags(): Promise<string[]> {
    return tagsOf(await this.#readIndex());
  }

  /** Changes the index while no other process of ours does; `undefined` leaves it as it is. */
  async #changeIndex(change: (index: LayoutIndex) => LayoutIndex | undefined): Promise<void> {
    const path = join(this.#folder, "index.json");
    await withLock(
      `${path}.lock`,
      async (lock) => {
        const index = change(await this.#readIndex());
        if (index === undefined) return;
        await placeFile(this.#folder, async (file) => {
          await file.writeFile(JSON.stringify(index));
          await file.sync();
          await lock.check();
          return path;
        });
      },
      this.#signal,
    );
  }

  async #readIndex(): Promise<LayoutIndex> {
    const text = await this.#readText("index.json");
    if (text === undefined) return EMPTY_INDEX;
    try {
      return parseIndex(text);
    } catch (error) {
      if (!(error instanceof LayoutIndexError)) throw error;
      throw new ToolError("noInput", `cannot read ${join(this.#folder, "index.json")}`, { why: error.message });
    }
  }

  /** The text of a file of the layout; undefined where there is none. */
  async #readText(name: string): Promise<string | undefined> {
    const path = join(this.#folder, name);
    try {
      return await readFile(path, "utf8");
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      throw this.#unreadable(path, error);
    }
  }

  async #writeText(name: string, text: string): Promise<void> {
    await placeFile(this.#folder, async (file) => {
      await file.writeFile(text);
      return join(this.#folder, name);
    });
  }

  async #fill(file: FileHandle, source: AsyncIterable<Buffer>): Promise<Meter> {
    const meter = new Meter();
    for await (const chunk of metered(source, meter)) {
      this.#signal.throwIfAborted();
      await file.writeFile(chunk);
    }
    return meter;
  }

  #path(digest: Digest): string {
    return join(this.#blobs, digest.slice("sha256:".length));
  }

  #unreadable(path: string, error: unknown): ToolError {
    return new ToolError("noInput", `cannot read ${path}`, { why: reasonOf(error), cause: error });
  }
}
