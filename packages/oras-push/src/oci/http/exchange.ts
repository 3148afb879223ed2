import type { Connections } from "./connections.ts";
import { type RegistryRequest, type RegistryResponse, wrapResponse } from "./message.ts";
import { failingSince } from "./retry.ts";
import { StallWatch, watchedBody } from "./stall.ts";

/** One HTTP request. */
export type Call = Pick<RegistryRequest, "method" | "body" | "completes" | "patience">;

/** How to send one HTTP request. */
export interface ExchangeOptions {
  /** The maximum time that the server may be silent, in milliseconds. */
  readonly silenceLimit: number;
  /** A signal that aborts the request. */
  readonly signal: AbortSignal;
  /** Converts an error of the connection into the error to throw. */
  readonly failure: (error: unknown) => unknown;
}

/**
 * The maximum size of a body that is sent in one piece, in bytes. A larger body is sent in pieces, so that the progress
 * can be measured.
 */
const LARGEST_WHOLE_BODY = 64 << 10;

/**
 * Some registries first store an uploaded blob in a temporary place, and move the blob before they respond. This
 * constant is the assumed speed of this move, in bytes per millisecond.
 */
const STORAGE_SPEED = (4 << 20) / 1000;

/** The maximum extra time, in milliseconds, for a registry that moves a blob before it responds. */
const LONGEST_MOVEMENT = 300_000;

/**
 * The assumed speed of a slow link, in bytes per millisecond. When this process has written the last byte of a body,
 * the kernel has possibly not sent all bytes yet. Therefore, the time limit for the response includes time to send the
 * body at this speed.
 */
const SLOW_LINK = (64 << 10) / 1000;

/**
 * Sends one request, and does not retry. Throws an error if the server accepts the body too slowly, or does not respond
 * in time. If the body is large, the server has more time to respond. Converts each error with the function `failure`,
 * and throws the result.
 */
export async function exchange(
  connections: Connections,
  { method, body, completes = 0, patience }: Call,
  url: URL,
  headers: Readonly<Record<string, string>>,
  { silenceLimit, signal, failure }: ExchangeOptions,
): Promise<RegistryResponse> {
  const stalled = new AbortController();
  const limit = Math.min(silenceLimit, patience ?? silenceLimit);
  const watch = new StallWatch(limit, "UND_ERR_HEADERS_TIMEOUT", (error) => stalled.abort(error));
  const sent = (bytes: number) => watch.waitForResponse(responseLimit(limit, bytes, completes));
  const either = AbortSignal.any([signal, stalled.signal]);
  try {
    watch.wait();
    const request = connections.dispatcherFor(url).request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: { ...headers, ...lengthOf(body) },
      signal: either,
      body: watchedBytes(body, watch, sent) as Buffer | null,
      headersTimeout: 0,
      bodyTimeout: silenceLimit,
    });
    const response = await unlessAborted(request, either);
    return wrapResponse(response, url, { limit: silenceLimit, failure });
  } catch (error) {
    throw failingSince(failure(error), performance.now() - watch.silence);
  } finally {
    watch.stop();
  }
}

/**
 * Returns the time limit for a response, in milliseconds. The result is the sum of three durations. The first is
 * `limit`. The second is the time to send the body over a slow link, at most `limit`. The third is the time that the
 * registry needs to move a blob to its final place, at most {@link LONGEST_MOVEMENT}.
 */
function responseLimit(limit: number, sent: number, completes: number): number {
  const movement = Math.min(Math.max(sent, completes) / STORAGE_SPEED, LONGEST_MOVEMENT);
  return limit + Math.min(limit, sent / SLOW_LINK) + movement;
}

function lengthOf(body: RegistryRequest["body"]): Readonly<Record<string, string>> {
  return Buffer.isBuffer(body) ? { "content-length": String(body.length) } : {};
}

function watchedBytes(body: RegistryRequest["body"], watch: StallWatch, sent: (bytes: number) => void) {
  if (typeof body === "function") return watchedBody(body(), watch, sent);
  if (body === undefined || body.length <= LARGEST_WHOLE_BODY) {
    sent(body?.length ?? 0);
    return body ?? null;
  }
  return watchedBody(once(body), watch, sent);
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/**
 * Waits for the result of a request. Throws the reason of the abort as soon as `signal` aborts. Without this function,
 * undici would ignore an abort while undici opens a connection.
 */
async function unlessAborted<T>(request: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  request.catch(() => {});
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([request, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
