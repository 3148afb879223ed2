import type { IncomingMessage, ServerResponse } from "node:http";
import { type Interceptor, type MemoryRegistry, refuse } from "../../../support/registry/memory-registry.ts";

/** Returns whether to intercept a request. `url` contains the path and the query. */
export type Match = (method: string, url: string) => boolean;

/** The requests of a push and a pull, as in the distribution specification. */
export const STEPS = {
  headBlob: (method, url) => method === "HEAD" && url.includes("/blobs/"),
  post: (method) => method === "POST",
  patch: (method) => method === "PATCH",
  putBlob: (method, url) => method === "PUT" && url.includes("/blobs/uploads/"),
  putManifest: (method, url) => method === "PUT" && url.includes("/manifests/"),
  getManifest: (method, url) => method === "GET" && url.includes("/manifests/"),
  getBlob: (method, url) => method === "GET" && url.includes("/blobs/"),
} as const satisfies Readonly<Record<string, Match>>;

/** Calls interceptors in their order, until one answers the request. */
export function chain(...interceptors: readonly Interceptor[]): Interceptor {
  return async (request, response) => {
    for (const interceptor of interceptors) if (await interceptor(request, response)) return true;
    return false;
  };
}

/** Calls `act` to answer each of the first `times` matching requests. */
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

/** Answers the first `times` matching requests with an error status. Reads the whole body of a request first. */
export function failing(
  status: number,
  match: Match,
  times = 1,
  headers: Readonly<Record<string, string>> = {},
): Interceptor {
  return first(times, match, async (request, response) => {
    for await (const _ of request);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const denied = status === 401 || status === 403;
    if (denied) refuse(response, status, "DENIED", "requested access to the resource is denied");
    else refuse(response, status, "UNAVAILABLE", "broken on purpose");
  });
}

/**
 * Resets the connection of each of the first `times` matching requests. Reads at least `afterBytes` bytes of the body
 * before the reset.
 */
export function resetting(match: Match, afterBytes = 0, times = 1): Interceptor {
  return first(times, match, async (request) => {
    const { socket } = request;
    await readBytes(request, afterBytes);
    socket.resetAndDestroy();
  });
}

/**
 * Resets the connection of each of the first `times` matching requests. Reads at least `afterBytes` bytes of the body
 * before the reset, and keeps the received bytes in the upload, as distribution 3 does.
 */
export function interrupting(registry: MemoryRegistry, match: Match, afterBytes: number, times = 1): Interceptor {
  return first(times, match, async (request) => {
    const { socket } = request;
    const upload = /\/uploads\/([^/?]+)/.exec(request.url ?? "")?.[1] ?? "";
    const received = await readBytes(request, afterBytes);
    registry.uploads.get(upload)?.push(received);
    socket.resetAndDestroy();
  });
}

/** Reads and returns at least `bytes` bytes of a body, and leaves the rest unread. */
export async function readBytes(request: IncomingMessage, bytes: number): Promise<Buffer> {
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
