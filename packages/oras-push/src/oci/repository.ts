import { ToolError } from "shared/cli/tool-error";
import type { Access, ArtifactStore, BlobInfo, OpenContent } from "./artifact-store.ts";
import type { Descriptor } from "./descriptor.ts";
import { type Digest, isDigest } from "./digest.ts";
import type { RegistryRequest, RegistryResponse } from "./http/message.ts";
import { downloadRetry, manifestRetry } from "./http/retry.ts";
import type { Transport } from "./http/transport.ts";
import { MAX_MANIFEST_BYTES, type StoredManifest } from "./manifest.ts";
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "./media-types.ts";
import { digestOf, Meter, metered } from "./meter.ts";
import { nextPage, parseTagPage, type TagPage } from "./tag-list.ts";
import { Uploads, uploadLocation } from "./upload.ts";

/** The accepted media types. They include indexes: without them a registry may return 404 for an index. */
const ACCEPTED = [OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_INDEX].join(", ");

/** The number of tags in one page. */
const TAGS_PER_PAGE = 1000;

/** A repository of a registry (distribution-spec). Titles in quotes are its sections. */
export class Repository implements ArtifactStore {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #scope: string;
  readonly #uploads: Uploads;

  constructor(transport: Transport, name: string, access: Access) {
    this.#transport = transport;
    this.#path = `/v2/${name}`;
    this.#scope = `repository:${name}:${access}`;
    this.#uploads = new Uploads(transport, this.#path, this.#scope);
  }

  /** Whether the registry has a blob ("Checking if content exists in the registry"). */
  async hasBlob(digest: Digest): Promise<boolean> {
    const response = await this.#transport.send({
      method: "HEAD",
      target: `${this.#path}/blobs/${digest}`,
      scope: this.#scope,
      expect: [200, 404],
    });
    await response.discard();
    return response.status === 200;
  }

  /**
   * A blob's content ("Pulling blobs"). Resumes the download after a broken connection. The caller checks size and
   * digest: the registry may send too few bytes, or too many.
   */
  async *fetchBlob(descriptor: Descriptor): AsyncGenerator<Buffer> {
    let received = 0;
    for (const resume = downloadRetry(); ; ) {
      const response = await this.#requestBlob(descriptor, received);
      try {
        for await (const chunk of response.body) {
          received += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        // All bytes arrived; only the end of the response was lost.
        if (received >= descriptor.size) return;
        if (!resume(received)) throw this.#transport.unavailable(error, response.url);
        await this.#transport.retrying(() => this.hasBlob(descriptor.digest), "the download");
      }
    }
  }

  /**
   * Mounts a blob of another repository ("Mounting a blob from another repository"). Returns false if the registry does
   * not mount it, or if `source` is not in the same registry.
   */
  async mountBlob(digest: Digest, source: ArtifactStore): Promise<boolean> {
    if (!(source instanceof Repository) || source.#transport.registry !== this.#transport.registry) return false;
    const response = await this.#transport.send({
      method: "POST",
      target: `${this.#path}/blobs/uploads/?mount=${digest}&from=${source.#path.slice("/v2/".length)}`,
      scope: this.#scope,
      expect: [201, 202],
      headers: { "content-length": "0" },
    });
    await response.discard();
    if (response.status === 201) return true;
    // The registry opened an upload instead, which is not needed.
    const location = uploadLocation(response);
    if (location !== undefined) await this.#uploads.cancel(location);
    return false;
  }

  /**
   * Sends a blob from memory ("Pushing a blob monolithically", POST then PUT). Retries as {@link pushKnownBlob} does.
   */
  async pushBlob(bytes: Buffer, digest: Digest): Promise<void> {
    await this.#putBlob({ digest, size: bytes.length }, (offset) => bytes.subarray(offset));
  }

  /**
   * Sends a blob whose digest and size are known. A retry sends only the bytes that the registry does not have. `open`
   * opens the content from its start, once for each attempt.
   */
  async pushKnownBlob(blob: BlobInfo, open: OpenContent): Promise<void> {
    await this.#putBlob(blob, (offset) => () => skipBytes(open(), offset));
  }

  /**
   * Sends a blob while it is produced ("Pushing a blob in chunks", with one chunk of unknown length). A retry produces
   * it again and sends only the bytes that the registry does not have. `open` opens the content from its start, once
   * for each attempt.
   */
  pushStreamedBlob(open: OpenContent): Promise<BlobInfo> {
    let blob: BlobInfo | undefined;
    return this.#uploads.run(async (session) => {
      // If the registry has all bytes, only the end of the response was lost.
      if (blob === undefined || blob.size !== session.offset) {
        let meter = new Meter();
        // After a redirect or an expired token, the body is sent again.
        await this.#uploads.patch(session, () => {
          meter = new Meter();
          return skipBytes(metered(open(), meter), session.offset);
        });
        blob = { digest: meter.digest(), size: meter.size };
      }
      await this.#uploads.finish(session, blob.digest);
      return blob;
    });
  }

  /**
   * A manifest by tag or digest ("Pulling manifests"); undefined if there is none. Checks the digest of the content.
   */
  fetchManifest(reference: string): Promise<StoredManifest | undefined> {
    return this.#transport.retrying(() => this.#fetchManifest(reference), "the manifest");
  }

  async #fetchManifest(reference: string): Promise<StoredManifest | undefined> {
    const response = await this.#transport.send({
      method: "GET",
      target: `${this.#path}/manifests/${reference}`,
      scope: this.#scope,
      expect: [200, 404],
      headers: { accept: ACCEPTED },
      retry: false,
    });
    if (response.status === 404) {
      await response.discard();
      return undefined;
    }
    const bytes = await response.bytes(MAX_MANIFEST_BYTES);
    const digest = digestOf(bytes);
    const promised = isDigest(reference) ? reference : response.header("docker-content-digest");
    if (isDigest(promised) && promised !== digest)
      throw new ToolError("registry", `the registry returned a different manifest for ${reference}`, {
        why: `its digest is ${digest}, not ${promised}`,
      });
    const mediaType = response.header("content-type") ?? OCI_MANIFEST;
    return { bytes, descriptor: { mediaType, digest, size: bytes.length } };
  }

  /**
   * Stores a manifest under a tag, or by its digest if no tag is given ("Pushing Manifests"). The registry has
   * confirmed all of its blobs.
   */
  async pushManifest(manifest: StoredManifest, tag: string | undefined): Promise<void> {
    const request = {
      method: "PUT",
      target: `${this.#path}/manifests/${tag ?? manifest.descriptor.digest}`,
      scope: this.#scope,
      expect: [200, 201, 202],
      headers: { "content-type": manifest.descriptor.mediaType },
      body: manifest.bytes,
      retry: false,
    } as const;
    const response = await this.#transport.retrying(
      () => this.#transport.send(request),
      "the manifest",
      manifestRetry(),
    );
    await response.discard();
    const stored = response.header("docker-content-digest");
    if (isDigest(stored) && stored !== manifest.descriptor.digest)
      throw new ToolError("registry", `the registry ${this.#transport.registry} stored a different manifest`, {
        why: `its digest is ${stored}, not ${manifest.descriptor.digest}`,
      });
  }

  /**
   * Stores a manifest under a free tag; if the tag exists, returns the manifest that it names. Checks right before the
   * write: the specification has no conditional write.
   */
  async addManifest(manifest: StoredManifest, tag: string): Promise<StoredManifest | undefined> {
    const existing = await this.fetchManifest(tag);
    if (existing === undefined) await this.pushManifest(manifest, tag);
    return existing;
  }

  /** Whether the repository has any tag ("Listing Tags"). A missing repository has none. Does not retry. */
  async hasTags(): Promise<boolean> {
    const { tags, next } = await this.#fetchTags(`${this.#path}/tags/list?n=1`);
    return tags.length > 0 || next !== undefined;
  }

  /** All tags, from all pages ("Listing Tags"). A missing repository has none. */
  async listTags(): Promise<string[]> {
    const tags = new Set<string>();
    let target: string | URL | undefined = `${this.#path}/tags/list?n=${TAGS_PER_PAGE}`;
    while (target !== undefined) {
      const from: string | URL = target;
      const page: TagPage = await this.#transport.retrying(() => this.#fetchTags(from), "the list of tags");
      const known = tags.size;
      for (const tag of page.tags) tags.add(tag);
      target = page.next;
      if (target !== undefined && tags.size === known)
        throw new ToolError(
          "registry",
          `the registry ${this.#transport.registry} returns the same page of tags again and again`,
        );
    }
    return [...tags];
  }

  async #fetchTags(target: string | URL): Promise<TagPage> {
    const response = await this.#transport.send({
      method: "GET",
      target,
      scope: this.#scope,
      expect: [200, 404],
      retry: false,
    });
    if (response.status === 200) {
      const tags = parseTagPage(await response.bytes(MAX_MANIFEST_BYTES));
      return { tags, next: nextPage(response.header("link"), response.url) };
    }
    await response.discard();
    return { tags: [], next: undefined };
  }

  async #requestBlob(descriptor: Descriptor, offset: number): Promise<RegistryResponse> {
    const response = await this.#transport.send({
      method: "GET",
      target: `${this.#path}/blobs/${descriptor.digest}`,
      scope: this.#scope,
      expect: offset === 0 ? [200] : [200, 206],
      // Some registries reject a range without an end.
      headers: offset === 0 ? {} : { range: `bytes=${offset}-${descriptor.size - 1}` },
    });
    return response.status === 206 || offset === 0 ? response : { ...response, body: skipBytes(response.body, offset) };
  }

  /**
   * Sends a blob in one PUT. Resumes a broken upload with a PATCH. `bytesFrom` returns the content from an offset on.
   */
  #putBlob({ digest, size }: BlobInfo, bytesFrom: (offset: number) => RegistryRequest["body"]): Promise<void> {
    return this.#uploads.run(async (session) => {
      const { offset } = session;
      if (offset === 0) return this.#uploads.finish(session, digest, bytesFrom(0), size);
      if (offset < size) await this.#uploads.patch(session, bytesFrom(offset), size - offset);
      return this.#uploads.finish(session, digest);
    }, size);
  }
}

/** A stream without its first `count` bytes. */
async function* skipBytes(source: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count;
  for await (const chunk of source) {
    if (chunk.length > left) yield left > 0 ? chunk.subarray(left) : chunk;
    left = Math.max(0, left - chunk.length);
  }
}
