import { ToolError } from "shared/cli/tool-error";
import type { Descriptor } from "./descriptor.ts";
import { type Digest, isDigest } from "./digest.ts";
import { mayPassForManifest } from "./http/network-failure.ts";
import type { RegistryRequest, RegistryResponse, Transport } from "./http/transport.ts";
import { MAX_MANIFEST_BYTES, type StoredManifest } from "./manifest.ts";
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "./media-types.ts";
import { digestOf, Meter, metered } from "./meter.ts";
import { nextPage, parseTagPage, type TagPage } from "./tag-list.ts";
import { Uploads, uploadLocation } from "./upload.ts";

/** A download that broke this often without a byte more is given up. */
const MAX_BROKEN_DOWNLOADS = 5;

/** Manifests that are asked for: an index too, for a registry may say that there is nothing where it has another kind. */
const ACCEPTED = [OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_INDEX].join(", ");

/** Tags that are asked for at a time. */
const TAGS_PER_PAGE = 1000;

/** What is wanted of a repository; a token is asked for that and no more. */
export type Access = "pull" | "pull,push";

/** A blob that was sent: what the registry confirmed to have. */
export interface SentBlob {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/** A repository of a registry, by the operations of the distribution specification. */
export class Repository {
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

  /** Whether the registry has a blob (distribution-spec, "Checking if content exists in the registry"). */
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
   * A blob's bytes ("Pulling blobs"). A broken connection is met with a request for the rest. Ends early, or goes on for
   * too long, where the registry does: who reads checks size and digest.
   */
  async *fetchBlob(descriptor: Descriptor): AsyncGenerator<Buffer> {
    let received = 0;
    for (let failures = 0, before = 0; ; failures = received > before ? 1 : failures + 1, before = received) {
      const response = await this.#requestBlob(descriptor, received);
      try {
        for await (const chunk of response.body) {
          received += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        // Only the end was lost.
        if (received >= descriptor.size) return;
        if (failures >= MAX_BROKEN_DOWNLOADS) throw this.#transport.unavailable(error, response.url);
        await this.#transport.retrying(() => this.hasBlob(descriptor.digest), "the download");
      }
    }
  }

  /**
   * Has the registry take a blob from another of its repositories ("Mounting a blob from another repository"); false where
   * it does not, or where `source` is in another registry.
   */
  async mountBlob(digest: Digest, source: object): Promise<boolean> {
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
    // It opened an upload instead, which nobody will use.
    const location = uploadLocation(response);
    if (location !== undefined) await this.#uploads.cancel(location);
    return false;
  }

  /** Sends a blob that is at hand ("Pushing a blob monolithically", POST then PUT); after a failure as {@link pushKnownBlob}. */
  async pushBlob(bytes: Buffer, digest: Digest): Promise<void> {
    await this.#putBlob({ digest, size: bytes.length }, (offset) => bytes.subarray(offset));
  }

  /**
   * Sends a blob whose digest and size are known. After a failure what the registry did not keep is sent again. `open` gives
   * its bytes from the start, for each try.
   */
  async pushKnownBlob(blob: SentBlob, open: () => AsyncIterable<Buffer>): Promise<void> {
    await this.#putBlob(blob, (offset) => () => without(open(), offset));
  }

  /**
   * Sends a blob while it is made ("Pushing a blob in chunks", with one chunk of unknown length): nothing is kept. After a
   * failure it is made again, and what the registry did not keep is sent. `open` gives its bytes from the start, for each
   * try.
   */
  pushStreamedBlob(open: () => AsyncIterable<Buffer>): Promise<SentBlob> {
    let blob: SentBlob | undefined;
    return this.#uploads.run(async (session) => {
      // Where all of it is there, only the end was lost.
      if (blob === undefined || blob.size !== session.offset) {
        let meter = new Meter();
        // A redirect or a token that expired has the body sent once more.
        await this.#uploads.patch(session, () => {
          meter = new Meter();
          return without(metered(open(), meter), session.offset);
        });
        blob = { digest: meter.digest(), size: meter.size };
      }
      await this.#uploads.finish(session, blob.digest);
      return blob;
    });
  }

  /** A manifest by tag or digest ("Pulling manifests"), its digest checked; undefined where there is none. */
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
      throw new ToolError("registry", `the manifest ${reference} is not the one that was asked for`, {
        why: `its digest is ${digest}, not ${promised}`,
      });
    const mediaType = response.header("content-type") ?? OCI_MANIFEST;
    return { bytes, descriptor: { mediaType, digest, size: bytes.length } };
  }

  /**
   * Stores a manifest under a tag, or with none under its digest ("Pushing Manifests"). The registry has confirmed all its
   * blobs.
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
      mayPassForManifest(),
    );
    await response.discard();
    const stored = response.header("docker-content-digest");
    if (isDigest(stored) && stored !== manifest.descriptor.digest)
      throw new ToolError("registry", `the registry ${this.#transport.registry} stored another manifest`, {
        why: `its digest is ${stored}, not ${manifest.descriptor.digest}`,
      });
  }

  /**
   * Stores a manifest under a tag that is free; where it is not, gives what it names. Looks right before it writes: there is
   * no write that depends on what is there.
   */
  async addManifest(manifest: StoredManifest, tag: string): Promise<StoredManifest | undefined> {
    const there = await this.fetchManifest(tag);
    if (there === undefined) await this.pushManifest(manifest, tag);
    return there;
  }

  /** Whether there is any tag ("Listing Tags"); none where there is no such repository. A failure is not met with another try. */
  async hasTags(): Promise<boolean> {
    const { tags, next } = await this.#fetchTags(`${this.#path}/tags/list?n=1`);
    return tags.length > 0 || next !== undefined;
  }

  /** All tags ("Listing Tags"), of which a registry gives some at a time; none where there is no such repository. */
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
        throw new ToolError("registry", `the registry ${this.#transport.registry} lists tags without an end`);
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
      // With its end: there are registries that do not take an open range.
      headers: offset === 0 ? {} : { range: `bytes=${offset}-${descriptor.size - 1}` },
    });
    return response.status === 206 || offset === 0 ? response : { ...response, body: without(response.body, offset) };
  }

  /** Sends a blob in one PUT, or what is missing of one that broke off in a PATCH. `bytesFrom` gives its bytes from an offset on. */
  #putBlob({ digest, size }: SentBlob, bytesFrom: (offset: number) => RegistryRequest["body"]): Promise<void> {
    return this.#uploads.run(async (session) => {
      const { offset } = session;
      if (offset === 0) return this.#uploads.finish(session, digest, bytesFrom(0), size);
      if (offset < size) await this.#uploads.patch(session, bytesFrom(offset), size - offset);
      return this.#uploads.finish(session, digest);
    }, size);
  }
}

/** A stream without its first bytes. */
async function* without(source: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count;
  for await (const chunk of source) {
    if (chunk.length > left) yield left > 0 ? chunk.subarray(left) : chunk;
    left = Math.max(0, left - chunk.length);
  }
}
