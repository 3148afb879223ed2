import type { IncomingMessage, ServerResponse } from "node:http";
import { type Interceptor, type MemoryRegistry, refuse } from "../../../support/registry/memory-registry.ts";

/** Says whether a request is meant, by its method and its path with the query. */
export type Match = (method: string, url: string) => boolean;

/** The steps of a push, as the distribution specification has them. */
export const STEPS = {
  headBlob: (method, url) => method === "HEAD" && url.includes("/blobs/"),
  post: (method) => method === "POST",
  patch: (method) => method === "PATCH",
  putBlob: (method, url) => method === "PUT" && url.includes("/blobs/uploads/"),
  putManifest: (method, url) => method === "PUT" && url.includes("/manifests/"),
  getManifest: (method, url) => method === "GET" && url.includes("/manifests/"),
  getBlob: (method, url) => method === "GET" && url.includes("/blobs/"),
} as const satisfies Readonly<Record<string, Match>>;

/** Interceptors in a row: the first that answers a request is the last that sees it. */
export function inTurn(...interceptors: readonly Interceptor[]): Interceptor {
  return async (request, response) => {
    for (const interceptor of interceptors) if (await interceptor(request, response)) return true;
    return false;
  };
}

/** Does something to the first `times` requests that match. */
export function first(
  times: number,
  match: Match,
  act: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Interceptor {
  let left = times;
  return async (request, response) => {
    if (left === 0 || !match(request.method ?? "", request.url ?? "")) return false;
    left--;
    await act(request, response);
    return true;
  };
}

/** Refuses the first `times` requests that match with a status, once their bodies have come. */
export function failing(
  status: number,
  match: Match,
  times = 1,
  headers: Readonly<Record<string, string>> = {},
): Interceptor {
  return first(times, match, async (request, response) => {
    for await (const _ of request);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    refuse(response, status, "UNAVAILABLE", "broken on purpose");
  });
}

/** Breaks the connection of the first `times` requests that match, after so many bytes of the body. */
export function resetting(match: Match, afterBytes = 0, times = 1): Interceptor {
  return first(times, match, async (request) => {
    const { socket } = request;
    await takeIn(request, afterBytes);
    socket.resetAndDestroy();
  });
}

/**
 * Breaks the connection of the first `times` requests that match, after so many bytes of the body: what came stays in the
 * upload, as with distribution 3.
 */
export function breakingOff(registry: MemoryRegistry, match: Match, afterBytes: number, times = 1): Interceptor {
  return first(times, match, async (request) => {
    const { socket } = request;
    const upload = /\/uploads\/([^/?]+)/.exec(request.url ?? "")?.[1] ?? "";
    const came = await takeIn(request, afterBytes);
    registry.uploads.get(upload)?.push(came);
    socket.resetAndDestroy();
  });
}

/** Reads so many bytes of a body, and leaves the rest where it is; gives what it read. */
export async function takeIn(request: IncomingMessage, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let received = 0;
  if (bytes > 0)
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      chunks.push(chunk as Buffer);
      received += (chunk as Buffer).length;
      if (received >= bytes) break;
    }
  return Buffer.concat(chunks);
}
