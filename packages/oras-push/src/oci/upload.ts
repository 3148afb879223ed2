import { ToolError } from "shared/cli/tool-error";
import { hasBlob } from "./blob-check.ts";
import { chunksOf } from "./chunks.ts";
import type { Digest } from "./digest.ts";
import { resolveLocation } from "./http/location.ts";
import type { RegistryRequest, RegistryResponse } from "./http/message.ts";
import { isRefusedForNow, isTransient } from "./http/retry.ts";
import type { Transport } from "./http/transport.ts";
import { RegistryError } from "./registry-error.ts";

/** An open upload session. */
export interface UploadSession {
  /** The URL of the next request. Each response may change this URL. */
  location: URL;
  /** The number of bytes that the registry already has. A retry does not send these bytes again. */
  offset: number;
  /** The smallest chunk that the registry accepts, in bytes. */
  readonly leastChunk: number;
  /** The length of the last request body, in bytes. Undefined if the length was unknown. */
  lastBody?: number | undefined;
  /** Whether a request was repeated. After a repeated request, the registry may have stored bytes twice. */
  repeated?: boolean;
}

/** Sends the bytes of the blob from the session's offset to the end. */
export type FillUpload<T> = (session: UploadSession) => Promise<T>;

/** The timeout of the request that cancels an upload, in milliseconds. */
const CANCEL_TIME = 2000;

/** If a response has one of these statuses, the registry has stored no byte of the request. */
const NOT_STORED: ReadonlySet<number> = new Set([413, 429]);

const OCTETS = { "content-type": "application/octet-stream" };

/** The uploads of one repository (distribution-spec, "Pushing blobs"). */
export class Uploads {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #scope: string;

  /** `path` is the path of the repository, such as `/v2/metric/run`. */
  constructor(transport: Transport, path: string, scope: string) {
    this.#transport = transport;
    this.#path = path;
    this.#scope = scope;
  }

  /**
   * Whether a body is too large for one request. Returns false if the registry's size limit for requests is unknown. If
   * this limit is known, a body of unknown length counts as too large.
   */
  needsChunks(length: number = Number.POSITIVE_INFINITY): boolean {
    return length > (this.#transport.limits.chunkSize ?? Number.POSITIVE_INFINITY);
  }

  /**
   * Opens an upload and calls `fill` to send the blob. Retries transient failures. If an overloaded registry refused a
   * request, the retry repeats this request. After any other failure, the retry resumes the upload, but only if the
   * registry has between 1 and `size` bytes. If the registry has a different number of bytes, the retry starts a new
   * upload. After a 413, this method sends smaller chunks. If the blob cannot be sent, this method cancels the upload.
   */
  async run<T>(fill: FillUpload<T>, size: number = Number.POSITIVE_INFINITY): Promise<T> {
    const upload: { session?: UploadSession | undefined; error?: unknown } = {};
    const attempt = async (): Promise<T> => {
      const { session: broken, error: reason } = upload;
      const continued = broken && (await this.#continued(broken, reason, size));
      const session = continued ?? (await this.#start());
      upload.session = session;
      try {
        return await fill(session);
      } catch (error) {
        upload.error = error;
        // The next attempt resumes this upload if possible.
        if (isTransient(error).retry) throw error;
        if (this.#shrinkChunks(error, session)) return attempt();
        await this.cancel(session.location);
        upload.session = undefined;
        // The stored bytes may be wrong, because a request was repeated. Therefore, the next attempt starts a new
        // upload.
        if (session.repeated === true && error instanceof RegistryError) return attempt();
        throw error;
      }
    };
    try {
      return await this.#transport.retrying(attempt, "the upload");
    } catch (error) {
      if (upload.session !== undefined) await this.cancel(upload.session.location);
      throw error;
    }
  }

  /**
   * Sends a body at the session's offset ("Pushing a blob in chunks"). If the body is too large for one request, this
   * method sends the body in chunks. Otherwise, this method sends the body in one PATCH. `length` is the length of the
   * body, or undefined if the length is unknown.
   */
  async send(session: UploadSession, body: RegistryRequest["body"], length?: number): Promise<void> {
    const { chunkSize } = this.#transport.limits;
    if (chunkSize === undefined || !this.needsChunks(length)) return this.patch(session, body, length);
    const source = typeof body === "function" ? body() : (body ?? Buffer.alloc(0));
    for await (const chunk of chunksOf(source, Math.max(chunkSize, session.leastChunk)))
      await this.#patchChunk(session, chunk);
  }

  /**
   * Sends a body at the session's offset in one PATCH. `length` is the length of the body, or undefined if the length
   * is unknown.
   */
  async patch(session: UploadSession, body: RegistryRequest["body"], length?: number): Promise<void> {
    const { offset } = session;
    session.lastBody = length;
    const range = length === undefined ? {} : { "content-range": `${offset}-${offset + length - 1}` };
    const response = await this.#transport.send({
      method: "PATCH",
      target: session.location,
      scope: this.#scope,
      expect: [201, 202, 204],
      headers: { ...OCTETS, ...range },
      body,
      ...(length === undefined ? {} : { length }),
      retry: false,
    });
    await response.discard();
    session.location = uploadLocation(response) ?? session.location;
    session.offset += length ?? 0;
  }

  /**
   * Sends the last `length` bytes of the blob and completes the upload in the same request. If the status of the
   * response is not 201, this method checks whether the registry has the blob. Throws `registry` if the registry does
   * not have the blob.
   */
  async finish(
    session: UploadSession,
    digest: Digest,
    body?: RegistryRequest["body"],
    length: number = 0,
  ): Promise<void> {
    const size = session.offset + length;
    session.lastBody = length;
    const response = await this.#transport.send({
      method: "PUT",
      target: withDigest(session.location, digest),
      scope: this.#scope,
      expect: [200, 201, 202, 204],
      headers: OCTETS,
      body,
      length,
      completes: size,
      retry: false,
    });
    await response.discard();
    if (response.status === 201 || (await hasBlob(this.#transport, this.#path, this.#scope, { digest, size }))) return;
    throw new ToolError("registry", `the registry ${this.#transport.registry} did not store a blob`, {
      why: `it returned ${response.status} for the upload, and does not have the blob`,
      hint: "check the address of the registry: another web server may have responded",
    });
  }

  /** Cancels an upload. Ignores a failure of the cancellation. */
  async cancel(location: URL): Promise<void> {
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
      // If the cancellation fails, the registry itself removes the unfinished upload later.
    }
  }

  async #start(): Promise<UploadSession> {
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
      throw new ToolError(
        "registry",
        `the registry ${this.#transport.registry} opened an upload, but sent no Location header`,
      );
    return { location, offset: 0, leastChunk: Number(response.header("oci-chunk-min-length")) || 0 };
  }

  /** Sends a chunk from memory. Repeats the request while the registry is overloaded. */
  async #patchChunk(session: UploadSession, chunk: Buffer): Promise<void> {
    let attempts = 0;
    const attempt = () => {
      session.repeated ||= attempts++ > 0;
      return this.patch(session, chunk, chunk.length);
    };
    await this.#transport.retrying(attempt, "the upload", isRefusedForNow);
  }

  /**
   * Chooses a smaller chunk size if the error is a 413. Returns false if the error is not a 413, or if no smaller size
   * is possible.
   */
  #shrinkChunks(error: unknown, session: UploadSession): boolean {
    if (!(error instanceof RegistryError) || error.status !== 413) return false;
    return this.#transport.limits.shrinkChunks(session.lastBody, session.leastChunk);
  }

  /**
   * Prepares the session of a broken upload for the next attempt. Returns the same session after a 413 or 429, because
   * the registry stored no byte of the last body. After any other error, this method requests the current offset from
   * the registry, and returns the session with this offset. This method cancels the upload and returns undefined in
   * three cases: the offset is unknown, the offset exceeds `size`, or the offset is 0 after an error other than a 503.
   */
  async #continued(session: UploadSession, error: unknown, size: number): Promise<UploadSession | undefined> {
    session.repeated = true;
    if (error instanceof RegistryError && NOT_STORED.has(error.status)) return session;
    const overloaded = isRefusedForNow(error).retry;
    const state = await this.#state(session, overloaded);
    if (state !== undefined && state.offset >= (overloaded ? 0 : 1) && state.offset <= size) return state;
    await this.cancel(state?.location ?? session.location);
    return undefined;
  }

  /**
   * Requests the state of an upload ("Resuming an upload"). Returns undefined if the registry does not have the upload.
   * If the registry does not support this request, the result depends on `trusted`. If `trusted` is true, the result is
   * the unchanged session. Otherwise, the result is undefined.
   */
  async #state(session: UploadSession, trusted: boolean): Promise<UploadSession | undefined> {
    try {
      const response = await this.#transport.send({
        method: "GET",
        target: session.location,
        scope: this.#scope,
        expect: [204],
        retry: false,
      });
      await response.discard();
      const location = uploadLocation(response) ?? session.location;
      return { ...session, location, offset: receivedBytes(response.header("range")) };
    } catch (error) {
      if (!(error instanceof RegistryError) || isRefusedForNow(error).retry) throw error;
      return trusted && error.status !== 404 ? session : undefined;
    }
  }
}

/**
 * Returns the URL for the next request of an upload. The `Location` header of the response contains this URL. Returns
 * undefined if the response has no `Location` header.
 */
export function uploadLocation(response: RegistryResponse): URL | undefined {
  const location = response.header("location");
  return location === undefined ? undefined : resolveLocation(location, response.url);
}

/**
 * Parses the number of stored bytes in an upload's `Range` header. Registries send `0-0` both for no byte and for one
 * byte. This function returns 0 for `0-0`, so that a retry does not skip a missing byte.
 */
function receivedBytes(range: string | undefined): number {
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(range ?? "")?.[1] ?? 0);
  return last === 0 ? 0 : last + 1;
}

/** Adds the digest to the query in the URL of an upload. Does not change the rest of the query. */
function withDigest(location: URL, digest: Digest): URL {
  const url = new URL(location);
  url.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return url;
}
