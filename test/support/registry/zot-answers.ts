import type { IncomingMessage, ServerResponse } from "node:http";
import { type Interceptor, type MemoryRegistry, refuse } from "../../../support/registry/memory-registry.ts";

/**
 * Put in front of the in-process registry: it then answers uploads as zot does where that differs. A known blob is mounted;
 * a PUT has its bytes counted by `Content-Length` and placed by `Content-Range`, from 0 where there is none, so that one
 * in chunks counts as empty; and an upload whose PATCH broke off is gone.
 */
export function zotAnswers(registry: MemoryRegistry): Interceptor {
  return (request, response) => {
    const url = new URL(request.url ?? "/", "http://registry");
    const [, repository, upload = ""] = /^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/.exec(url.pathname) ?? [];
    if (repository === undefined) return false;
    if (request.method === "POST") return mount(registry, repository, url.searchParams.get("mount"), response);
    if (request.method === "PATCH") forgetBroken(registry, upload, request);
    if (request.method === "PUT") return misplaced(registry, upload, request, response);
    return false;
  };
}

function mount(registry: MemoryRegistry, repository: string, digest: string | null, response: ServerResponse): boolean {
  if (digest === null || !registry.blobs.has(digest)) return false;
  response.writeHead(201, { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest }).end();
  return true;
}

function forgetBroken(registry: MemoryRegistry, upload: string, request: IncomingMessage): void {
  request.once("close", () => {
    if (!request.complete) registry.uploads.delete(upload);
  });
}

/** Refuses the last bytes of an upload that do not follow those that came before. */
function misplaced(
  registry: MemoryRegistry,
  upload: string,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { "content-length": length = "0", "content-range": range, "transfer-encoding": coding } = request.headers;
  const came = registry.uploads.get(upload)?.reduce((total, chunk) => total + chunk.length, 0) ?? 0;
  const start = Number(/^(\d+)-/.exec(range ?? "")?.[1] ?? 0);
  if (coding === undefined && (length === "0" || start === came)) return false;
  request.resume();
  if (coding !== undefined) refuse(response, 400, "DIGEST_INVALID", "provided digest did not match uploaded content");
  else refuse(response, 416, "BLOB_UPLOAD_INVALID", `the upload has ${came} bytes`);
  return true;
}
