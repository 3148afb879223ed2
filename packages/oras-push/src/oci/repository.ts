import { ToolError } from "shared/cli/tool-error";
import type { Access, ArtifactStore, BlobInfo, OpenContent } from "./artifact-store.ts";
import { hasBlob, isWebPage } from "./blob-check.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import type { RegistryRequest, RegistryResponse } from "./http/message.ts";
import { downloadRetry } from "./http/retry.ts";
import type { Transport } from "./http/transport.ts";
import type { StoredManifest } from "./manifest.ts";
import { linksOrNone } from "./manifest-links.ts";
import { Manifests } from "./manifests.ts";
import { Meter, metered } from "./meter.ts";
import { hasNames, listNames, type NameList } from "./name-list.ts";
import { listReferrers, referrersTag } from "./referrers.ts";
import { RegistryError } from "./registry-error.ts";
import { Uploads, uploadLocation } from "./upload.ts";

/**
 * The timeout, in milliseconds, of the request for the first tag. The timeout is short, because a push can continue
 * even if no response arrives.
 */
const TAGS_TIME = 5000;

/** If a response has one of these status codes, the registry does not support deletion. */
const NO_DELETION: ReadonlySet<number> = new Set([405, 501]);

/**
 * A repository of a registry (distribution-spec). In the comments below, a title in quotes is the title of a section in
 * the specification.
 */
export class Repository implements ArtifactStore {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #scope: string;
  readonly #uploads: Uploads;
  readonly #manifests: Manifests;
  readonly #tags: NameList;

  constructor(transport: Transport, name: string, access: Access) {
    this.#transport = transport;
    this.#path = `/v2/${name}`;
    this.#scope = `repository:${name}:${access}`;
    this.#uploads = new Uploads(transport, this.#path, this.#scope);
    this.#manifests = new Manifests(transport, this.#path, this.#scope);
    this.#tags = { path: `${this.#path}/tags/list`, scope: this.#scope, field: "tags", none: [404] };
  }

  /**
   * Whether the registry has a blob. If `size` is given and the response contains no digest, the result is true only if
   * the response contains the same size.
   */
  hasBlob(digest: Digest, size?: number): Promise<boolean> {
    return hasBlob(this.#transport, this.#path, this.#scope, { digest, ...(size === undefined ? {} : { size }) });
  }

  /** Asks once whether the registry has a blob. Returns undefined after a failure. */
  probeBlob(digest: Digest, size: number): Promise<boolean | undefined> {
    return hasBlob(this.#transport, this.#path, this.#scope, { digest, size }, false).catch(() => undefined);
  }

  /**
   * Downloads a blob ("Pulling blobs"). Resumes the download after a broken connection. The caller must check the size
   * and the digest, because the registry may send too few or too many bytes. `start` is the offset of the first byte.
   */
  async *fetchBlob(descriptor: Descriptor, start = 0): AsyncGenerator<Buffer> {
    let received = start;
    for (const resume = downloadRetry(this.#transport.retryPolicy); ; ) {
      const response = await this.#requestBlob(descriptor, received);
      try {
        for await (const chunk of response.body) {
          received += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        // All bytes have arrived. Only the end of the response is missing.
        if (received >= descriptor.size) return;
        if (!resume(received, error)) throw this.#transport.unavailable(error, response.url);
        await this.#transport.retrying(() => this.hasBlob(descriptor.digest), "the download");
      }
    }
  }

  /**
   * Mounts a blob of another repository ("Mounting a blob from another repository"). Returns false if the registry does
   * not mount the blob, or if `source` is not a repository of the same registry.
   */
  async mountBlob(digest: Digest, source: ArtifactStore): Promise<boolean> {
    if (!(source instanceof Repository) || source.#transport.registry !== this.#transport.registry) return false;
    const response = await this.#requestMount(digest, source.#path.slice("/v2/".length));
    if (response === undefined) return false;
    await response.discard();
    if (response.status === 201) return !isWebPage(response) || this.hasBlob(digest);
    // Instead of a mount, the registry opened an upload. This method cancels that upload, because a later push of the
    // blob opens its own upload.
    const location = uploadLocation(response);
    if (location !== undefined) await this.#uploads.cancel(location);
    return false;
  }

  /**
   * Requests the mount of a blob from `repository`. Returns undefined if the registry rejects the request. In this
   * case, the caller can still upload the blob.
   */
  async #requestMount(digest: Digest, repository: string): Promise<RegistryResponse | undefined> {
    try {
      return await this.#transport.send({
        method: "POST",
        target: `${this.#path}/blobs/uploads/?mount=${digest}&from=${repository}`,
        scope: this.#scope,
        expect: [201, 202],
        headers: { "content-length": "0" },
      });
    } catch (error) {
      if (error instanceof RegistryError && error.status < 500 && error.status !== 429) return undefined;
      throw error;
    }
  }

  /**
   * Sends a blob from memory ("Pushing a blob monolithically", POST then PUT). A retry sends only the bytes that the
   * registry does not have.
   */
  async pushBlob(bytes: Buffer, digest: Digest): Promise<void> {
    await this.#putBlob({ digest, size: bytes.length }, (offset) => bytes.subarray(offset));
  }

  /**
   * Sends a blob whose digest and size are known. A retry sends only the bytes that the registry does not have. This
   * method can call `open` several times. Each call must open the content at its first byte.
   */
  async pushKnownBlob(blob: BlobInfo, open: OpenContent): Promise<void> {
    await this.#putBlob(blob, (offset) => () => skipBytes(open(), offset));
  }

  /**
   * Sends a blob while the caller produces the content ("Pushing a blob in chunks", with one chunk of unknown length).
   * A retry produces the content again, but sends only the bytes that the registry does not have. This method can call
   * `open` several times. Each call must open the content at its first byte.
   */
  pushStreamedBlob(open: OpenContent): Promise<BlobInfo> {
    let blob: BlobInfo | undefined;
    return this.#uploads.run(async (session) => {
      // If an earlier attempt sent all bytes, but received no response, `finish` is the only remaining step.
      if (blob === undefined || blob.size !== session.offset) {
        let meter = new Meter();
        // The function below opens the body. After a redirect or an expired token, the transport calls this function
        // again. Therefore, each call creates a new meter.
        await this.#uploads.send(session, () => {
          meter = new Meter();
          return skipBytes(metered(open(), meter), session.offset);
        });
        blob = { digest: meter.digest(), size: meter.size };
        session.offset = blob.size;
      }
      await this.#uploads.finish(session, blob.digest);
      return blob;
    });
  }

  /**
   * Fetches a manifest by tag or digest, and checks the digest of the manifest. Returns undefined if the registry does
   * not have the manifest.
   */
  fetchManifest(reference: string): Promise<StoredManifest | undefined> {
    return this.#manifests.fetch(reference);
  }

  /** Stores a manifest. See {@link Manifests.push}. */
  pushManifest(manifest: StoredManifest, tag: string | undefined): Promise<void> {
    return this.#manifests.push(manifest, tag);
  }

  /** Stores a manifest under a new tag. See {@link Manifests.add}. */
  addManifest(manifest: StoredManifest, tag: string): Promise<StoredManifest | undefined> {
    return this.#manifests.add(manifest, tag);
  }

  /**
   * Whether the repository has at least one tag ("Listing Tags"). Returns false if the repository does not exist. Does
   * not retry a failed request.
   */
  hasTags(): Promise<boolean> {
    return hasNames(this.#transport, this.#tags, TAGS_TIME);
  }

  /** Lists all tags of the repository ("Listing Tags"). Returns an empty list if the repository does not exist. */
  listTags(): Promise<string[]> {
    return listNames(this.#transport, this.#tags);
  }

  /**
   * Lists the manifests whose subject is `digest` ("Listing Referrers"). If the registry does not support this request,
   * this method instead reads the index in which clients list the referrers ("Referrers Tag Schema").
   */
  async listReferrers(digest: Digest): Promise<readonly Digest[]> {
    const listed = await listReferrers(this.#transport, this.#path, this.#scope, digest);
    if (listed !== undefined) return listed;
    const index = await this.fetchManifest(referrersTag(digest));
    return index === undefined ? [] : linksOrNone(index.bytes).manifests.map((manifest) => manifest.digest);
  }

  /**
   * Deletes a manifest and the given tags ("Deleting Manifests"). Most registries delete the tags together with the
   * manifest. If one of the given tags still refers to the deleted manifest, this method deletes this tag in a separate
   * request.
   */
  async deleteManifest(digest: Digest, tags: readonly string[]): Promise<void> {
    try {
      await this.#manifests.delete(digest);
      for (const tag of tags) {
        const left = await this.fetchManifest(tag);
        if (left?.descriptor.digest === digest) await this.#manifests.delete(tag);
      }
    } catch (error) {
      throw this.#deletionFailure(error);
    }
  }

  /** Does nothing, because the garbage collection of the registry deletes unused blobs. */
  async deleteUnusedBlobs(): Promise<void> {}

  /** Adds a hint to an error if the registry does not support deletion. */
  #deletionFailure(error: unknown): unknown {
    if (!(error instanceof RegistryError) || !NO_DELETION.has(error.status)) return error;
    return new ToolError("registry", `the registry ${this.#transport.registry} does not delete manifests`, {
      why: error.message,
      hint: [
        "allow deletion in the settings of the registry; the image registry:3 needs",
        "REGISTRY_STORAGE_DELETE_ENABLED=true, or storage: {delete: {enabled: true}} in its configuration file",
      ].join(" "),
      cause: error,
    });
  }

  async #requestBlob(descriptor: Descriptor, offset: number): Promise<RegistryResponse> {
    const response = await this.#transport.send({
      method: "GET",
      target: `${this.#path}/blobs/${descriptor.digest}`,
      scope: this.#scope,
      expect: offset === 0 ? [200] : [200, 206],
      // This range has an end, because some registries reject a range without an end.
      headers: offset === 0 ? {} : { range: `bytes=${offset}-${descriptor.size - 1}` },
    });
    return response.status === 206 || offset === 0 ? response : { ...response, body: skipBytes(response.body, offset) };
  }

  /**
   * Sends a blob in one PUT, or in chunks if the blob is too large for one request. If the registry already has some
   * bytes of the blob, this method sends only the remaining bytes, in one PATCH or in chunks. The function `bytesFrom`
   * returns the content from an offset to the end.
   */
  #putBlob({ digest, size }: BlobInfo, bytesFrom: (offset: number) => RegistryRequest["body"]): Promise<void> {
    return this.#uploads.run(async (session) => {
      const rest = size - session.offset;
      if (session.offset === 0 && !this.#uploads.needsChunks(rest))
        return this.#uploads.finish(session, digest, bytesFrom(0), rest);
      if (rest > 0) await this.#uploads.send(session, bytesFrom(session.offset), rest);
      return this.#uploads.finish(session, digest);
    }, size);
  }
}

/** Yields the bytes of a stream, except the first `count` bytes. */
async function* skipBytes(source: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count;
  for await (const chunk of source) {
    if (chunk.length > left) yield left > 0 ? chunk.subarray(left) : chunk;
    left = Math.max(0, left - chunk.length);
  }
}
