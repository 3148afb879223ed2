import { ToolError } from "shared/cli/tool-error";
import { isWebPage } from "./blob-check.ts";
import { type Digest, isDigest } from "./digest.ts";
import { isMissingBlob, isRefusedForNow, manifestRetry } from "./http/retry.ts";
import type { Transport } from "./http/transport.ts";
import type { StoredManifest } from "./manifest.ts";
import { MAX_MANIFEST_BYTES } from "./manifest-size.ts";
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "./media-types.ts";
import { digestOf } from "./meter.ts";
import { RegistryError } from "./registry-error.ts";

/**
 * The media types in the `Accept` header of a request. The list includes the types of image indexes. Without these
 * types, a registry may return 404 for an image index.
 */
const ACCEPTED = [OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_INDEX].join(", ");

/** The timeout, in milliseconds, of the request that reads a pushed manifest back. */
const READ_BACK_TIME = 5000;

/**
 * If the push of a manifest fails with one of these statuses, this module does not read the manifest back. Either the
 * registry did not store the manifest, or the registry is overloaded.
 */
const NOT_STORED: ReadonlySet<number> = new Set([401, 404, 413, 429, 503]);

/** The manifests of one repository (distribution-spec, "Pulling manifests" and "Pushing Manifests"). */
export class Manifests {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #scope: string;

  /** `path` is the path of the repository, such as `/v2/metric/run`. */
  constructor(transport: Transport, path: string, scope: string) {
    this.#transport = transport;
    this.#path = `${path}/manifests/`;
    this.#scope = scope;
  }

  /**
   * Fetches a manifest by tag or digest, and checks the digest of the manifest. Returns undefined if the registry does
   * not have the manifest.
   */
  fetch(reference: string): Promise<StoredManifest | undefined> {
    return this.#transport.retrying(() => this.#fetchOnce(reference), "the manifest");
  }

  /**
   * Stores a manifest under a tag, or only under its digest if no tag is given. The registry must already have all
   * blobs of the manifest. After most failures, this method reads the manifest back, because the registry may have
   * stored the manifest despite the failure.
   */
  async push(manifest: StoredManifest, tag: string | undefined): Promise<void> {
    const reference = tag ?? manifest.descriptor.digest;
    const unlessStored = async (error: unknown) => {
      if ((await this.#readBack(reference)) !== manifest.descriptor.digest) throw error;
    };
    const attempt = () =>
      this.#pushOnce(manifest, reference).catch((error) => {
        if (!isUncertain(error)) throw error;
        return unlessStored(error);
      });
    await this.#transport.retrying(attempt, "the manifest", manifestRetry()).catch((error) => {
      if (!isRefusedForNow(error).retry) throw error;
      return unlessStored(error);
    });
  }

  /**
   * Stores a manifest under a new tag, and returns undefined. If the tag already exists, this method stores nothing and
   * returns the manifest that has this tag. The specification defines no request that fails if the tag already exists.
   * Therefore, this method looks up the tag right before the write. After a refused write, this method looks up the tag
   * again, because another process may have created the tag.
   */
  async add(manifest: StoredManifest, tag: string): Promise<StoredManifest | undefined> {
    const existing = await this.fetch(tag);
    if (existing !== undefined) return existing;
    try {
      await this.push(manifest, tag);
      return undefined;
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      const written = await this.#fetchOnce(tag, READ_BACK_TIME).catch(() => undefined);
      if (written === undefined) throw error;
      return written;
    }
  }

  /**
   * Deletes a manifest or a tag ("Deleting tags", "Deleting Manifests"). Returns false if the registry does not have
   * the manifest or the tag.
   */
  async delete(reference: string): Promise<boolean> {
    const response = await this.#transport.send({
      method: "DELETE",
      target: `${this.#path}${reference}`,
      scope: this.#scope,
      expect: [200, 202, 204, 404],
    });
    await response.discard();
    return response.status !== 404;
  }

  async #fetchOnce(reference: string, patience?: number): Promise<StoredManifest | undefined> {
    const response = await this.#transport.send({
      method: "GET",
      target: `${this.#path}${reference}`,
      scope: this.#scope,
      expect: [200, 404],
      headers: { accept: ACCEPTED },
      retry: false,
      ...(patience === undefined ? {} : { patience }),
    });
    if (response.status === 404 || isWebPage(response)) {
      await response.discard();
      if (response.status === 404) return undefined;
      throw new ToolError(
        "registry",
        `the registry ${this.#transport.registry} returned a web page instead of a manifest`,
      );
    }
    const bytes = await response.bytes(MAX_MANIFEST_BYTES);
    const digest = digestOf(bytes);
    const promised = isDigest(reference) ? reference : response.header("docker-content-digest");
    if (isDigest(promised) && promised !== digest)
      throw new ToolError("registry", `the registry returned a manifest with a wrong digest for ${reference}`, {
        why: `expected the digest ${promised}, found ${digest}`,
      });
    const mediaType = response.header("content-type") ?? OCI_MANIFEST;
    return { bytes, descriptor: { mediaType, digest, size: bytes.length } };
  }

  /**
   * Sends a manifest. Only the status 201 proves that the registry stored the manifest. After any other successful
   * status, this method reads the manifest back.
   */
  async #pushOnce({ bytes, descriptor: { mediaType, digest } }: StoredManifest, reference: string): Promise<void> {
    const response = await this.#transport.send({
      method: "PUT",
      target: `${this.#path}${reference}`,
      scope: this.#scope,
      expect: [200, 201, 202, 204],
      headers: { "content-type": mediaType },
      body: bytes,
      retry: false,
    });
    await response.discard();
    const named = response.header("docker-content-digest");
    const stored = response.status === 201 ? (named ?? digest) : await this.#readBack(reference);
    const { registry } = this.#transport;
    if (stored === undefined)
      throw new ToolError("registry", `the registry ${registry} did not store the manifest`, {
        why: `it returned ${response.status}, and the manifest cannot be read back`,
        hint: "check the address of the registry: another web server may have responded",
      });
    if (isDigest(stored) && stored !== digest)
      throw new ToolError("registry", `the registry ${registry} stored a manifest with a wrong digest`, {
        why: `expected the digest ${digest}, found ${stored}`,
      });
  }

  /**
   * Fetches the manifest of a tag or digest, and returns the digest of this manifest. Returns undefined if the manifest
   * cannot be fetched.
   */
  async #readBack(reference: string): Promise<Digest | undefined> {
    const manifest = await this.#fetchOnce(reference, READ_BACK_TIME).catch(() => undefined);
    return manifest?.descriptor.digest;
  }
}

/** Whether a registry may have stored a manifest, although the push failed with this error. */
function isUncertain(error: unknown): boolean {
  if (error instanceof RegistryError) return !NOT_STORED.has(error.status) && !isMissingBlob(error);
  return error instanceof ToolError && error.code === "unavailable";
}
