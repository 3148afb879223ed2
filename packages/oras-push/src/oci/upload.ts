import { ToolError } from "shared/cli/tool-error";
import type { Digest } from "./digest.ts";
import { resolveLocation } from "./http/location.ts";
import type { RegistryRequest, RegistryResponse } from "./http/message.ts";
import { isTransient } from "./http/retry.ts";
import type { Transport } from "./http/transport.ts";
import { RegistryError } from "./registry-error.ts";

/** An open upload session. */
export interface UploadSession {
  /** The URL of the next request; may change with each response. */
  location: URL;
  /** The number of bytes that the registry has from an earlier attempt. They need not be sent again. */
  readonly offset: number;
}

/** Sends the blob from the session's offset on. */
export type FillUpload<T> = (session: UploadSession) => Promise<T>;

/** The timeout of the request that cancels an upload, in milliseconds. */
const CANCEL_TIME = 2000;

const OCTETS = { "content-type": "application/octet-stream" };

/** The uploads of one repository (distribution-spec, "Pushing blobs"). */
export class Uploads {
  readonly #transport: Transport;
  readonly #target: string;
  readonly #scope: string;

  /** `path` is the path of the repository, such as `/v2/metric/run`. */
  constructor(transport: Transport, path: string, scope: string) {
    this.#transport = transport;
    this.#target = `${path}/blobs/uploads/`;
    this.#scope = scope;
  }

  /**
   * Opens an upload and calls `fill` to send the blob. Retries transient failures: resumes the upload if the registry
   * kept between 1 and `size` bytes, else starts a new upload. Cancels an upload that it does not finish.
   */
  async run<T>(fill: FillUpload<T>, size: number = Number.POSITIVE_INFINITY): Promise<T> {
    const upload: { session?: UploadSession | undefined } = {};
    const attempt = async (): Promise<T> => {
      const resumed = upload.session && (await this.#resumed(upload.session, size));
      upload.session = resumed ?? { location: await this.#start(), offset: 0 };
      try {
        return await fill(upload.session);
      } catch (error) {
        // The next attempt asks the registry which bytes it has.
        if (isTransient(error).retry) throw error;
        await this.cancel(upload.session.location);
        upload.session = undefined;
        // The bytes that the registry kept may be wrong, so the next attempt starts again.
        if (resumed !== undefined && error instanceof RegistryError) return attempt();
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

  /** Sends bytes at the session's offset ("Pushing a blob in chunks"). Without a length, sends until the body ends. */
  async patch(session: UploadSession, body: RegistryRequest["body"], length?: number): Promise<void> {
    const { offset } = session;
    const range = length === undefined ? {} : { "content-range": `${offset}-${offset + length - 1}` };
    const response = await this.#transport.send({
      method: "PATCH",
      target: session.location,
      scope: this.#scope,
      expect: [201, 202, 204],
      headers: { ...OCTETS, ...range },
      body,
      ...(length === undefined ? {} : { length }),
      slowResponse: true,
      retry: false,
    });
    await response.discard();
    session.location = uploadLocation(response) ?? session.location;
  }

  /** Sends the last `length` bytes of the blob, and closes the upload with the same request. */
  async finish(
    { location }: UploadSession,
    digest: Digest,
    body?: RegistryRequest["body"],
    length: number = 0,
  ): Promise<void> {
    const response = await this.#transport.send({
      method: "PUT",
      target: withDigest(location, digest),
      scope: this.#scope,
      expect: [200, 201, 204],
      headers: OCTETS,
      body,
      length,
      slowResponse: true,
      retry: false,
    });
    await response.discard();
  }

  /** Cancels an upload. Ignores failures. */
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
      // If this fails, the registry itself removes the unfinished upload later.
    }
  }

  async #start(): Promise<URL> {
    const response = await this.#transport.send({
      method: "POST",
      target: this.#target,
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

  /** The state of a broken upload in the registry. Cancels it and returns undefined if the registry kept no byte. */
  async #resumed({ location }: UploadSession, size: number): Promise<UploadSession | undefined> {
    const status = await this.#status(location);
    if (status !== undefined && status.offset > 0 && status.offset <= size) return status;
    await this.cancel(status?.location ?? location);
    return undefined;
  }

  /** The state of an upload ("Resuming an upload"); undefined if the registry does not know it. */
  async #status(location: URL): Promise<UploadSession | undefined> {
    try {
      const response = await this.#transport.send({
        method: "GET",
        target: location,
        scope: this.#scope,
        expect: [204],
        retry: false,
      });
      await response.discard();
      return { location: uploadLocation(response) ?? location, offset: receivedBytes(response.header("range")) };
    } catch (error) {
      if (error instanceof RegistryError) return undefined;
      throw error;
    }
  }
}

/** The URL at which an upload continues, from a response; undefined if it has none. */
export function uploadLocation(response: RegistryResponse): URL | undefined {
  const location = response.header("location");
  return location === undefined ? undefined : resolveLocation(location, response.url);
}

/**
 * The number of bytes in an upload's `Range` header. Registries send `0-0` both for no byte and for one byte, so `0-0`
 * counts as no byte.
 */
function receivedBytes(range: string | undefined): number {
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(range ?? "")?.[1] ?? 0);
  return last === 0 ? 0 : last + 1;
}

/** Adds the digest to an upload's location. Keeps the rest of the query byte for byte. */
function withDigest(location: URL, digest: Digest): URL {
  const url = new URL(location);
  url.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return url;
}
