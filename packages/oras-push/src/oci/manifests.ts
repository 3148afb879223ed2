import { ToolError } from "shared/cli/tool-error";
import { isWebPage } from "./blob-check.ts";
import { type Digest, isDigest } from "./digest.ts";
import { isMissingBlob, isRefusedForNow, manifestRetry } from "./http/retry.ts";
import type { Transport } from "./http/transport.ts";
import { MAX_MANIFEST_BYTES, type StoredManifest } from "./manifest.ts";
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "./media-types.ts";
import { digestOf } from "./meter.ts";
import { RegistryError } from "./registry-error.ts";

/**
 * The media types that a request accepts. The list contains indexes, because a registry may return 404 for an index
 * that the request does not accept.
 */
const ACCEPTED = [OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_INDEX].join(", ");

/** The timeout, in milliseconds, of the request that reads a pushed manifest back. */
const READ_BACK_TIME = 5000;

/**
 * If the push of a manifest fails with one of these statuses, the manifest is not read back. Either the registry did
 * not store the manifest, or the registry is overloaded.
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

  /** Fetches a manifest by tag or digest, and checks its digest. Returns undefined if there is no such manifest. */
  fetch(reference: string): Promise<StoredManifest | undefined> {
    return this.#transport.retrying(() => this.#fetchOnce(reference), "the manifest");
  }

  /**
   * Stores a manifest under a tag. If no tag is given, stores the manifest only under its digest. The registry must
   * already have all blobs of the manifest. After most failures, reads the manifest back, because the registry may have
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
   * Stores a manifest under a new tag. If the tag already exists, returns the manifest of the tag. The specification
   * has no conditional write. Therefore, this method checks the tag right before the write. If the registry refuses the
   * write, this method checks the tag again.
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
      throw new ToolError("registry", `the registry returned a different manifest for ${reference}`, {
        why: `expected the digest ${promised}, found ${digest}`,
      });
    const mediaType = response.header("content-type") ?? OCI_MANIFEST;
    return { bytes, descriptor: { mediaType, digest, size: bytes.length } };
  }

  /**
   * Sends a manifest. Only the status 201 proves that the registry stored the manifest. After any other success, reads
   * the manifest back.
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
        hint: "check that this address is a registry, and not another web server",
      });
    if (isDigest(stored) && stored !== digest)
      throw new ToolError("registry", `the registry ${registry} stored a different manifest`, {
        why: `expected the digest ${digest}, found ${stored}`,
      });
  }

  /**
   * Returns the digest of the manifest to which a tag or digest points now. Returns undefined if this manifest cannot
   * be read.
   */
  async #readBack(reference: string): Promise<Digest | undefined> {
    const manifest = await this.#fetchOnce(reference, READ_BACK_TIME).catch(() => undefined);
    return manifest?.descriptor.digest;
  }
}

/** Whether a registry may have stored a manifest, although its response was an error or was lost. */
function isUncertain(error: unknown): boolean {
  if (error instanceof RegistryError) return !NOT_STORED.has(error.status) && !isMissingBlob(error);
  return error instanceof ToolError && error.code === "unavailable";
}
