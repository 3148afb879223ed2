import { ToolError } from "wait-fs/tool-error";
import type { Descriptor } from "./descriptor.ts";
import { type Digest, digestOf, isDigest, Meter, metered } from "./digest.ts";
import { MAX_MANIFEST_BYTES, type StoredManifest } from "./manifest.ts";
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "./media-types.ts";
import { nextPage, parseTagPage, type TagPage } from "./tag-list.ts";
import type { RegistryResponse, Transport } from "./transport.ts";

/** A download that broke this often without a byte more is given up. */
const MAX_BROKEN_DOWNLOADS = 5;

/** Manifests that are asked for: an index too, for a registry may say that there is nothing where it has another kind. */
const ACCEPTED = [OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_INDEX].join(", ");

/** Tags that are asked for at a time. */
const TAGS_PER_PAGE = 1000;

/** How long an upload that failed is tried to be given up for, in milliseconds. */
const CANCEL_TIME = 2000;

/** What is wanted of a repository; a token is asked for that and no more. */
export type Access = "pull" | "pull,push";

/** A blob that was sent: what the registry confirmed to have. */
export interface SentBlob {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/** An upload that is open; where it goes on may change with each answer. */
interface UploadSession {
  location: URL;
}

/** A repository of a registry, by the operations of the distribution specification. */
export class Repository {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #scope: string;

  constructor(transport: Transport, name: string, access: Access) {
    this.#transport = transport;
    this.#path = `/v2/${name}`;
    this.#scope = `repository:${name}:${access}`;
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
        if (received >= descriptor.size || failures >= MAX_BROKEN_DOWNLOADS) throw this.#transport.unavailable(error);
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
    if (location !== undefined) await this.#cancelUpload(location);
    return false;
  }

  /** Sends a blob that is at hand ("Pushing a blob monolithically", POST then PUT). */
  async pushBlob(bytes: Buffer, digest: Digest): Promise<void> {
    await this.#putBlob({ digest, size: bytes.length }, bytes);
  }

  /** Sends a blob whose digest and size are known. `open` gives its bytes from the start, for each try. */
  async pushKnownBlob(blob: SentBlob, open: () => AsyncIterable<Buffer>): Promise<void> {
    await this.#putBlob(blob, open);
  }

  /**
   * Sends a blob while it is made ("Pushing a blob in chunks", with one chunk of unknown length): nothing is kept. On a
   * failure all of it is sent again; `open` gives its bytes from the start, for each try.
   */
  pushStreamedBlob(open: () => AsyncIterable<Buffer>): Promise<SentBlob> {
    return this.#upload(async (session) => {
      let meter = new Meter();
      const sent = await this.#transport.send({
        method: "PATCH",
        target: session.location,
        scope: this.#scope,
        expect: [201, 202, 204],
        headers: { "content-type": "application/octet-stream" },
        slowAnswer: true,
        // A redirect or a token that expired has the body sent once more.
        body: () => {
          meter = new Meter();
          return metered(open(), meter);
        },
        retry: false,
      });
      await sent.discard();
      session.location = uploadLocation(sent) ?? session.location;
      const blob = { digest: meter.digest(), size: meter.size };
      await this.#finishUpload(session.location, blob, undefined);
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
    if (promised !== undefined && promised !== digest)
      throw new ToolError("registry", `the manifest ${reference} is not the one that was asked for`, {
        why: `its digest is ${digest}, not ${promised}`,
      });
    const mediaType = response.header("content-type") ?? OCI_MANIFEST;
    return { bytes, descriptor: { mediaType, digest, size: bytes.length } };
  }

  /** Stores a manifest under a tag, or with none under its digest ("Pushing Manifests"). */
  async pushManifest(manifest: StoredManifest, tag: string | undefined): Promise<void> {
    const response = await this.#transport.send({
      method: "PUT",
      target: `${this.#path}/manifests/${tag ?? manifest.descriptor.digest}`,
      scope: this.#scope,
      expect: [200, 201, 202],
      headers: { "content-type": manifest.descriptor.mediaType },
      body: manifest.bytes,
    });
    await response.discard();
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
      headers: offset === 0 ? {} : { range: `bytes=${offset}-` },
    });
    return response.status === 206 || offset === 0 ? response : { ...response, body: without(response.body, offset) };
  }

  #putBlob(blob: SentBlob, body: Buffer | (() => AsyncIterable<Buffer>)): Promise<void> {
    return this.#upload(({ location }) => this.#finishUpload(location, blob, body));
  }

  /** Opens an upload and fills it. After a failure its state is not known: it is given up, and each try opens another. */
  #upload<T>(fill: (session: UploadSession) => Promise<T>): Promise<T> {
    return this.#transport.retrying(async () => {
      const session = { location: await this.#startUpload() };
      try {
        return await fill(session);
      } catch (error) {
        await this.#cancelUpload(session.location);
        throw error;
      }
    }, "the upload");
  }

  /** Tells the registry that an upload will not be finished; that it can't be told is no failure. */
  async #cancelUpload(location: URL): Promise<void> {
    try {
      const response = await this.#transport.send({
        method: "DELETE",
        target: location,
        scope: this.#scope,
        expect: [204, 401, 403, 404],
        retry: false,
        signal: AbortSignal.timeout(CANCEL_TIME),
      });
      await response.discard();
    } catch {
      // The registry throws away by itself what is not finished, only later.
    }
  }

  async #startUpload(): Promise<URL> {
    const response = await this.#transport.send({
      method: "POST",
      target: `${this.#path}/blobs/uploads/`,
      scope: this.#scope,
      expect: [202],
      headers: { "content-length": "0" },
      retry: false,
    });
    await response.discard();
    const location = uploadLocation(response);
    if (location === undefined)
      throw new ToolError("registry", `the registry ${this.#transport.registry} opened an upload without a Location`);
    return location;
  }

  async #finishUpload(
    location: URL,
    blob: SentBlob,
    body: Buffer | (() => AsyncIterable<Buffer>) | undefined,
  ): Promise<void> {
    const response = await this.#transport.send({
      method: "PUT",
      target: withDigest(location, blob.digest),
      scope: this.#scope,
      expect: [200, 201, 204],
      headers: { "content-type": "application/octet-stream" },
      body,
      length: body === undefined ? 0 : blob.size,
      slowAnswer: true,
      retry: false,
    });
    await response.discard();
  }
}

function uploadLocation(response: RegistryResponse): URL | undefined {
  const location = response.header("location");
  return location === undefined ? undefined : new URL(location, response.url);
}

/** An upload's location with the digest added; what else stands in the query stays as it is, to the byte. */
function withDigest(location: URL, digest: Digest): URL {
  const url = new URL(location);
  url.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return url;
}

async function* without(source: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count;
  for await (const chunk of source) {
    if (chunk.length > left) yield left > 0 ? chunk.subarray(left) : chunk;
    left = Math.max(0, left - chunk.length);
  }
}
