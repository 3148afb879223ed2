import { ToolError } from "shared/cli/tool-error";
import type { Digest } from "./digest.ts";
import { placeNamed, RegistryError } from "./errors.ts";
import { mayPass } from "./http/network-failure.ts";
import type { RegistryRequest, RegistryResponse, Transport } from "./http/transport.ts";

/** An upload that is open. */
export interface UploadSession {
  /** Where it goes on; may change with each answer. */
  location: URL;
  /** How many of the blob's bytes the registry has from an earlier try; none of them is to be sent again. */
  readonly offset: number;
}

/** Sends the blob, from the session's offset on. */
export type FillUpload<T> = (session: UploadSession) => Promise<T>;

/** How long an upload that failed is tried to be given up for, in milliseconds. */
const CANCEL_TIME = 2000;

const OCTETS = { "content-type": "application/octet-stream" };

/** The uploads of one repository (distribution-spec, "Pushing blobs"). */
export class Uploads {
  readonly #transport: Transport;
  readonly #target: string;
  readonly #scope: string;

  /** `path` is the repository's, as in `/v2/metric/run`. */
  constructor(transport: Transport, path: string, scope: string) {
    this.#transport = transport;
    this.#target = `${path}/blobs/uploads/`;
    this.#scope = scope;
  }

  /**
   * Opens an upload and has it filled. A failure that may pass is met with another try: where the registry kept what had
   * come of no more than `size` bytes, from there on, else in a new upload from the start. What is not finished is given up.
   */
  async run<T>(fill: FillUpload<T>, size: number = Number.POSITIVE_INFINITY): Promise<T> {
    const open: { session?: UploadSession | undefined } = {};
    const attempt = async (): Promise<T> => {
      const resumed = open.session && (await this.#resumed(open.session, size));
      open.session = resumed ?? { location: await this.#start(), offset: 0 };
      try {
        return await fill(open.session);
      } catch (error) {
        // The next try asks what came of it.
        if (mayPass(error).retry) throw error;
        await this.cancel(open.session.location);
        open.session = undefined;
        // What the registry had kept may not have been what it said.
        if (resumed !== undefined && error instanceof RegistryError) return attempt();
        throw error;
      }
    };
    try {
      return await this.#transport.retrying(attempt, "the upload");
    } catch (error) {
      if (open.session !== undefined) await this.cancel(open.session.location);
      throw error;
    }
  }

  /** Sends bytes that belong at the session's offset ("Pushing a blob in chunks"); without a length until the body ends. */
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
      slowAnswer: true,
      retry: false,
    });
    await response.discard();
    session.location = uploadLocation(response) ?? session.location;
  }

  /** Closes an upload, with the last `length` bytes of the blob. */
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
      slowAnswer: true,
      retry: false,
    });
    await response.discard();
  }

  /** Tells the registry that an upload will not be finished; that it can't be told is no failure. */
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
      // The registry throws away by itself what is not finished, only later.
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

  /** An upload that broke off, as the registry has it now; undefined, and given up, where it kept nothing of it. */
  async #resumed({ location }: UploadSession, size: number): Promise<UploadSession | undefined> {
    const status = await this.#status(location);
    if (status !== undefined && status.offset > 0 && status.offset <= size) return status;
    await this.cancel(status?.location ?? location);
    return undefined;
  }

  /** Where an upload stands ("Resuming an upload"); undefined where the registry does not say. */
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

/** Where an answer says that an upload goes on; undefined where it does not. */
export function uploadLocation(response: RegistryResponse): URL | undefined {
  const location = response.header("location");
  return location === undefined ? undefined : placeNamed(location, response.url);
}

/** How many bytes a `Range` header of an upload stands for. `0-0` is said of none as well as of one: it counts as none. */
function receivedBytes(range: string | undefined): number {
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(range ?? "")?.[1] ?? 0);
  return last === 0 ? 0 : last + 1;
}

/** An upload's location with the digest added; what else stands in the query stays as it is, to the byte. */
function withDigest(location: URL, digest: Digest): URL {
  const url = new URL(location);
  url.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return url;
}
