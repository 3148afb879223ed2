import { constants } from "node:fs";
import { type FileHandle, mkdir, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { cannotRead } from "shared/fs/path-failure";
import { removeFile } from "shared/fs/remove-file";
import { reasonOf, systemCode } from "shared/fs/system-error";
import type { Access, ArtifactStore, BlobInfo, OpenContent } from "../artifact-store.ts";
import type { Descriptor } from "../descriptor.ts";
import type { Digest } from "../digest.ts";
import type { StoredManifest } from "../manifest.ts";
import { digestOf, Meter, metered } from "../meter.ts";
import { LayoutFiles } from "./layout-files.ts";
import { findEntry, type IndexEntry, type LayoutIndex, tagsOf, withManifest, withoutManifest } from "./layout-index.ts";
import { withLock } from "./lock.ts";
import { blobsOf, subjectOf, unusedBlobs } from "./unused-blobs.ts";

/** The supported version of layouts (image-spec, image-layout.md, "oci-layout file"). */
const LAYOUT_VERSION = "1.0.0";

/** The media type of any binary content (RFC 2046, section 4.5.1). */
const ANY_CONTENT = "application/octet-stream";

/** The maximum number of bytes in one read. */
const PIECE = 1 << 20;

/**
 * Opens an OCI image layout. Creates the missing parts of the layout if `access` includes push. Throws `noInput` if the
 * folder is not a layout of the supported version, and `cannotCreate` if the layout cannot be created.
 */
export async function openLayout(folder: string, access: Access, signal: AbortSignal): Promise<Layout> {
  const layout = new Layout(folder, signal);
  if (access === "pull,push") await layout.create();
  await layout.checkVersion();
  return layout;
}

/**
 * An OCI image layout on disk (image-spec, image-layout.md). Each file in the layout is written atomically. Any number
 * of processes may push to the same layout at the same time.
 */
export class Layout implements ArtifactStore {
  readonly #files: LayoutFiles;
  readonly #signal: AbortSignal;
  /** The digests of deleted manifests and of their blobs. {@link deleteUnusedBlobs} clears this set. */
  readonly #deletedBlobs = new Set<Digest>();
  /** The referrers of each manifest. Undefined before the first use, and after each change of the index. */
  #referrers: Promise<ReadonlyMap<Digest, readonly Digest[]>> | undefined;

  constructor(folder: string, signal: AbortSignal) {
    this.#files = new LayoutFiles(folder);
    this.#signal = signal;
  }

  /** Creates the missing parts of a layout. Throws `cannotCreate` if a part cannot be created. */
  async create(): Promise<void> {
    try {
      await mkdir(this.#files.blobs, { recursive: true });
    } catch (error) {
      throw new ToolError("cannotCreate", `cannot create the OCI layout ${this.#files.folder}`, {
        why: reasonOf(error),
        cause: error,
      });
    }
    if ((await this.#files.readText("oci-layout")) === undefined)
      await this.#files.writeText("oci-layout", JSON.stringify({ imageLayoutVersion: LAYOUT_VERSION }));
    if ((await this.#files.readText("index.json")) === undefined) await this.#changeIndex((index) => index);
  }

  /** Throws `noInput` if the folder is not a layout of the supported version. */
  async checkVersion(): Promise<void> {
    const text = await this.#files.readText("oci-layout");
    const fail = (why: string) => new ToolError("noInput", `${this.#files.folder} is not an OCI layout`, { why });
    if (text === undefined) throw fail("it has no oci-layout file");
    let version: unknown;
    try {
      version = (JSON.parse(text) as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
    } catch {
      throw fail("its oci-layout file is not JSON");
    }
    if (version !== LAYOUT_VERSION) throw fail(`expected version ${LAYOUT_VERSION}, found ${JSON.stringify(version)}`);
  }

  /**
   * Checks nothing, and returns undefined. An early check would save no time, because {@link hasBlob} needs no network.
   */
  async probeBlob(): Promise<undefined> {}

  /**
   * Whether the layout has a blob with the right size and digest. Returns false for a damaged blob, so that a push
   * replaces this blob.
   */
  async hasBlob(digest: Digest, size: number): Promise<boolean> {
    try {
      const stats = await stat(this.#files.pathOf(digest));
      if (!stats.isFile() || stats.size !== size) return false;
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      throw cannotRead(this.#files.pathOf(digest), error);
    }
    const meter = new Meter();
    for await (const _ of metered(this.fetchBlob({ mediaType: ANY_CONTENT, digest, size }), meter));
    return meter.digest() === digest;
  }

  /** Returns false, because a layout cannot mount blobs. */
  async mountBlob(): Promise<boolean> {
    return false;
  }

  /**
   * Reads a blob's content from the byte `start`. Throws `noInput` if the blob cannot be read. The caller must check
   * the size and the digest.
   */
  async *fetchBlob({ digest }: Descriptor, start = 0): AsyncGenerator<Buffer> {
    const path = this.#files.pathOf(digest);
    let file: FileHandle;
    try {
      file = await open(path, constants.O_RDONLY);
    } catch (error) {
      throw cannotRead(path, error);
    }
    try {
      for (let position = start; ; ) {
        this.#signal.throwIfAborted();
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(PIECE), 0, PIECE, position);
        if (bytesRead === 0) return;
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } catch (error) {
      throw systemCode(error) === undefined ? error : cannotRead(path, error);
    } finally {
      await file.close();
    }
  }

  /** Stores a blob from memory. */
  async pushBlob(bytes: Buffer, digest: Digest): Promise<void> {
    await this.#files.write(async (file) => {
      await file.writeFile(bytes);
      return this.#files.pathOf(digest);
    });
  }

  /** Stores a blob whose digest and size are known. Throws `noInput` if the content does not have this digest. */
  async pushKnownBlob(blob: BlobInfo, open: OpenContent): Promise<void> {
    await this.#files.write(async (file) => {
      const digest = (await this.#fill(file, open())).digest();
      if (digest !== blob.digest)
        throw new ToolError("noInput", `the content of ${blob.digest} changed during the push`);
      return this.#files.pathOf(digest);
    });
  }

  /** Stores a blob while the caller produces the content. */
  async pushStreamedBlob(open: OpenContent): Promise<BlobInfo> {
    let meter = new Meter();
    await this.#files.write(async (file) => {
      meter = await this.#fill(file, open());
      return this.#files.pathOf(meter.digest());
    });
    return { digest: meter.digest(), size: meter.size };
  }

  /**
   * Reads a manifest by tag or digest, and checks the digest of the manifest. Returns undefined if the index does not
   * have the manifest.
   */
  async fetchManifest(reference: string): Promise<StoredManifest | undefined> {
    const entry = findEntry(await this.#files.readIndex(), reference);
    return entry === undefined ? undefined : this.#readManifest(entry, reference);
  }

  async #readManifest(entry: IndexEntry, reference: string): Promise<StoredManifest> {
    const bytes = await this.#files.readManifest(entry.digest, reference);
    const digest = digestOf(bytes);
    if (digest !== entry.digest)
      throw new ToolError("registry", `the layout has a manifest with a wrong digest for ${reference}`, {
        why: `expected the digest ${entry.digest}, found ${digest}`,
      });
    return { bytes, descriptor: { mediaType: entry.mediaType, digest, size: bytes.length } };
  }

  /** Stores a manifest and adds it to the index. If `tag` is given, the manifest gets this tag. */
  async pushManifest(manifest: StoredManifest, tag: string | undefined): Promise<void> {
    await this.pushBlob(manifest.bytes, manifest.descriptor.digest);
    await this.#changeIndex((index) => withManifest(index, manifest.descriptor, tag));
  }

  /**
   * Stores a manifest under a new tag, in a single change of the index. If the tag already exists, this method does not
   * change the index, and returns the manifest that has this tag.
   */
  async addManifest(manifest: StoredManifest, tag: string): Promise<StoredManifest | undefined> {
    await this.pushBlob(manifest.bytes, manifest.descriptor.digest);
    let existing: IndexEntry | undefined;
    await this.#changeIndex((index) => {
      existing = findEntry(index, tag);
      return existing === undefined ? withManifest(index, manifest.descriptor, tag) : undefined;
    });
    return existing && this.#readManifest(existing, tag);
  }

  /** Whether the index has at least one tag. */
  async hasTags(): Promise<boolean> {
    return (await this.listTags()).length > 0;
  }

  /** Lists all tags in the order of the index. */
  async listTags(): Promise<string[]> {
    return tagsOf(await this.#files.readIndex());
  }

  /**
   * Lists the manifests whose subject is `digest`. Caches the referrers of all manifests until this object changes the
   * index.
   */
  async listReferrers(digest: Digest): Promise<readonly Digest[]> {
    this.#referrers ??= this.#findReferrers();
    return (await this.#referrers).get(digest) ?? [];
  }

  /**
   * Removes entries of a manifest from the index: each entry without a tag, and each entry whose tag is in `tags`.
   * Keeps the blobs until the next call of {@link deleteUnusedBlobs}.
   */
  async deleteManifest(digest: Digest, tags: readonly string[]): Promise<void> {
    const blobs = await blobsOf(digest, this.#readBlob);
    await this.#changeIndex((index) => withoutManifest(index, digest, tags));
    for (const blob of blobs) this.#deletedBlobs.add(blob);
  }

  /**
   * Deletes the blobs of manifests that {@link deleteManifest} has deleted. Keeps a blob if another manifest in the
   * index uses it. Call this method only while no process pushes to the layout. A push reuses existing blobs, and this
   * method could delete such a blob before the push ends.
   */
  async deleteUnusedBlobs(): Promise<void> {
    if (this.#deletedBlobs.size === 0) return;
    for (const digest of await unusedBlobs(this.#deletedBlobs, await this.#files.readIndex(), this.#readBlob))
      await removeFile(this.#files.pathOf(digest));
    this.#deletedBlobs.clear();
  }

  /** Reads the blob of a manifest. Returns undefined if the blob is missing. */
  readonly #readBlob = (digest: Digest): Promise<Buffer | undefined> =>
    this.#files.readManifest(digest, digest).catch((error: unknown) => {
      if (error instanceof ToolError && systemCode(error.cause) === "ENOENT") return undefined;
      throw error;
    });

  async #findReferrers(): Promise<ReadonlyMap<Digest, readonly Digest[]>> {
    const found = new Map<Digest, Digest[]>();
    for (const { digest } of (await this.#files.readIndex()).manifests) {
      const subject = await subjectOf(digest, this.#readBlob);
      if (subject !== undefined) found.set(subject, [...(found.get(subject) ?? []), digest]);
    }
    return found;
  }

  /** Locks the index, and changes it. If `change` returns undefined, the index stays unchanged. */
  async #changeIndex(change: (index: LayoutIndex) => LayoutIndex | undefined): Promise<void> {
    const path = join(this.#files.folder, "index.json");
    await withLock(
      `${path}.lock`,
      async (lock) => {
        this.#referrers = undefined;
        const index = change(await this.#files.readIndex());
        if (index === undefined) return;
        await this.#files.write(async (file) => {
          await file.writeFile(JSON.stringify(index));
          await file.sync();
          await lock.check();
          return path;
        });
      },
      this.#signal,
    );
  }

  async #fill(file: FileHandle, source: AsyncIterable<Buffer>): Promise<Meter> {
    const meter = new Meter();
    for await (const chunk of metered(source, meter)) {
      this.#signal.throwIfAborted();
      await file.writeFile(chunk);
    }
    return meter;
  }
}
