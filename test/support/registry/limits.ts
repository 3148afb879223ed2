import type { IncomingMessage } from "node:http";
import { type Interceptor, refuse } from "../../../support/registry/memory-registry.ts";

/**
 * Accepts at most `perSecond` writes in each second. Answers further writes with 429 and `Retry-After: 1`, as rate
 * limiters do.
 */
export function limitWrites(perSecond: number): Interceptor {
  let second = 0;
  let writes = 0;
  return (request, response) => {
    if (request.method === "GET" || request.method === "HEAD") return false;
    const now = Math.floor(performance.now() / 1000);
    writes = now === second ? writes + 1 : 1;
    second = now;
    if (writes <= perSecond) return false;
    request.resume();
    response.setHeader("retry-after", "1");
    refuse(response, 429, "TOOMANYREQUESTS", "too many writes");
    return true;
  };
}

/**
 * If a body has more than `limit` bytes, answers with 413 and a web page, and closes the connection. nginx does the
 * same in front of a registry (`client_max_body_size`).
 */
export function limitBodies(limit: number): Interceptor {
  return async (request, response) => {
    if (!(await isTooLarge(request, limit))) return false;
    request.resume();
    response.writeHead(413, { "content-type": "text/html", connection: "close" });
    response.end("<html><head><title>413 Request Entity Too Large</title></head></html>");
    return true;
  };
}

async function isTooLarge(request: IncomingMessage, limit: number): Promise<boolean> {
  const length = request.headers["content-length"];
  if (length !== undefined) return Number(length) > limit;
  if (request.headers["transfer-encoding"] === undefined) return false;
  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk as Buffer);
    received += (chunk as Buffer).length;
    if (received > limit) return true;
  }
  request.unshift(Buffer.concat(chunks));
  return false;
}
