import type { IncomingMessage, ServerResponse } from "node:http";
import { type Interceptor, type MemoryRegistry, refuse } from "../../../support/registry/memory-registry.ts";

/**
 * Makes the in-memory registry answer uploads as zot does. The registry mounts a blob that it already has. It takes the
 * size of a PUT from `Content-Length`, so a PUT with chunked encoding counts as empty. It takes the position of the
 * body's first byte from `Content-Range`. Without this header, the position is 0. The registry removes an upload if the
 * connection of a PATCH breaks.
 */
export function zotAnswers(registry: MemoryRegistry): Interceptor {
  return (request, response) => {
    const url = new URL(request.url ?? "/", "http://registry");
    const [, repository, upload = ""] = /^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/.exec(url.pathname) ?? [];
    if (repository === undefined) return false;
    if (request.method === "POST") return mount(registry, repository, url.searchParams.get("mount"), response);
    if (request.method === "PATCH") removeIfBroken(registry, upload, request);
    if (request.method === "PUT") return refuseMisplaced(registry, upload, request, response);
    return false;
  };
}

function mount(registry: MemoryRegistry, repository: string, digest: string | null, response: ServerResponse): boolean {
  if (digest === null || !registry.blobs.has(digest)) return false;
  response.writeHead(201, { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest }).end();
  return true;
}

function removeIfBroken(registry: MemoryRegistry, upload: string, request: IncomingMessage): void {
  request.once("close", () => {
    if (!request.complete) registry.uploads.delete(upload);
  });
}

/** Refuses the last part of an upload if this part does not start at the end of the earlier parts. */
function refuseMisplaced(
  registry: MemoryRegistry,
  upload: string,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { "content-length": length = "0", "content-range": range, "transfer-encoding": coding } = request.headers;
  const received = registry.uploads.get(upload)?.reduce((total, chunk) => total + chunk.length, 0) ?? 0;
  const start = Number(/^(\d+)-/.exec(range ?? "")?.[1] ?? 0);
  if (coding === undefined && (length === "0" || start === received)) return false;
  request.resume();
  if (coding !== undefined) refuse(response, 400, "DIGEST_INVALID", "provided digest did not match uploaded content");
  else refuse(response, 416, "BLOB_UPLOAD_INVALID", `the upload has ${received} bytes`);
  return true;
}
