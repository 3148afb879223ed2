import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { closeServer, countBody, listen } from "./server.ts";

/** Receives each request before the registry does. Returns true if the interceptor answered the request itself. */
export type Interceptor = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** A request that the registry received. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** The number of received bytes of the body. */
  received: number;
}

/** A registry in this process. */
export interface MemoryRegistry {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** All requests, in their order. */
  readonly requests: readonly SeenRequest[];
  /** Maps the digest of each blob to the blob. All repositories share these blobs. */
  readonly blobs: Map<string, Buffer>;
  /** The manifests, by `REPOSITORY:TAG` and `REPOSITORY@DIGEST`. */
  readonly manifests: Map<string, StoredManifest>;
  /** The chunks of open uploads, by the ids of the uploads. Finished and cancelled uploads are removed. */
  readonly uploads: Map<string, Buffer[]>;
  /** Sets the interceptor of later requests. `intercept(undefined)` removes the interceptor. */
  intercept(interceptor: Interceptor | undefined): void;
  close(): Promise<void>;
}

interface StoredManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

interface State {
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, StoredManifest>;
  readonly uploads: Map<string, Buffer[]>;
}

type Handler = (exchange: Exchange) => Promise<void> | void;

interface Exchange {
  readonly state: State;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly repository: string;
  /** The last part of the path: a digest, a tag or the id of an upload. */
  readonly last: string;
  readonly query: URLSearchParams;
}

const DEFAULT_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";

/** Starts an in-memory OCI registry (distribution-spec 1.1) on the loopback interface, by default on a free port. */
export async function startMemoryRegistry(port = 0): Promise<MemoryRegistry> {
  const state: State = { blobs: new Map(), manifests: new Map(), uploads: new Map() };
  const requests: SeenRequest[] = [];
  let interceptor: Interceptor | undefined;
  const server = createServer(async (request, response) => {
    const seen = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, received: 0 };
    requests.push(seen);
    countBody(request, (bytes) => {
      seen.received += bytes;
    });
    try {
      if (interceptor !== undefined && (await interceptor(request, response))) return;
      await route(state, request, response);
    } catch (error) {
      if (!response.headersSent) refuse(response, 500, "UNKNOWN", String(error));
      else response.destroy();
    }
  });
  return {
    address: await listen(server, port),
    requests,
    ...state,
    intercept: (next) => {
      interceptor = next;
    },
    close: () => closeServer(server),
  };
}

/** Sends an error response (distribution-spec, "Error Codes"). */
export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  const body = JSON.stringify({ errors: [{ code, message }] });
  response.writeHead(status, { "content-type": "application/json" }).end(body);
}

const ROUTES: readonly [RegExp, Readonly<Record<string, Handler>>][] = [
  [
    /^\/v2\/(?<repository>.+)\/blobs\/uploads\/(?<last>[^/]*)$/,
    { POST: startUpload, PATCH: addChunk, PUT: finish, GET: status, DELETE: cancel },
  ],
  [/^\/v2\/(?<repository>.+)\/blobs\/(?<last>[^/]+)$/, { HEAD: getBlob, GET: getBlob }],
  [
    /^\/v2\/(?<repository>.+)\/manifests\/(?<last>[^/]+)$/,
    { HEAD: getManifest, GET: getManifest, PUT: putManifest, DELETE: deleteManifest },
  ],
  [/^\/v2\/(?<repository>.+)\/referrers\/(?<last>[^/]+)$/, { GET: listReferrers }],
  [/^\/v2\/(?<repository>.+)\/tags\/(?<last>list)$/, { GET: listTags }],
  [/^\/v2\/(?<last>_catalog)$/, { GET: listRepositories }],
  [/^\/v2\/$/, { GET: ({ response }) => void response.writeHead(200).end("{}") }],
];

async function route(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://registry");
  for (const [pattern, handlers] of ROUTES) {
    const match = pattern.exec(url.pathname);
    if (match === null) continue;
    const handler = handlers[request.method ?? ""];
    if (handler === undefined) return refuse(response, 405, "UNSUPPORTED", `${request.method} is not supported here`);
    const { repository = "", last = "" } = match.groups ?? {};
    return handler({ state, request, response, repository, last, query: url.searchParams });
  }
  refuse(response, 404, "NOT_FOUND", "no such endpoint");
}

function startUpload({ state, response, repository }: Exchange): void {
  const upload = randomUUID();
  state.uploads.set(upload, []);
  accept(response, repository, upload, 0);
}

async function addChunk(exchange: Exchange): Promise<void> {
  const chunks = uploadOf(exchange);
  if (chunks === undefined) return;
  const start = /^(\d+)-/.exec(exchange.request.headers["content-range"] ?? "")?.[1];
  if (start !== undefined && Number(start) !== sizeOf(chunks))
    return refuse(exchange.response, 416, "BLOB_UPLOAD_INVALID", `the upload has ${sizeOf(chunks)} bytes`);
  chunks.push(await bodyOf(exchange.request));
  accept(exchange.response, exchange.repository, exchange.last, sizeOf(chunks));
}

async function finish(exchange: Exchange): Promise<void> {
  const { state, request, response, repository, last, query } = exchange;
  const chunks = uploadOf(exchange);
  if (chunks === undefined) return;
  const blob = Buffer.concat([...chunks, await bodyOf(request)]);
  state.uploads.delete(last);
  const digest = `sha256:${createHash("sha256").update(blob).digest("hex")}`;
  if (query.get("digest") !== digest) return refuse(response, 400, "DIGEST_INVALID", `the content is ${digest}`);
  state.blobs.set(digest, blob);
  response.writeHead(201, { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest }).end();
}

function status(exchange: Exchange): void {
  const chunks = uploadOf(exchange);
  if (chunks === undefined) return;
  const { response, repository, last } = exchange;
  const end = Math.max(0, sizeOf(chunks) - 1);
  response.writeHead(204, { location: `/v2/${repository}/blobs/uploads/${last}`, range: `0-${end}` }).end();
}

function cancel({ state, response, last }: Exchange): void {
  response.writeHead(state.uploads.delete(last) ? 204 : 404).end();
}

function getBlob({ state, request, response, last }: Exchange): void {
  const blob = state.blobs.get(last);
  if (blob === undefined) return refuse(response, 404, "BLOB_UNKNOWN", "blob unknown to registry");
  const [, start = "0", end = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  const from = Number(start);
  const part = blob.subarray(from, end === "" ? undefined : Number(end) + 1);
  const range = from === 0 ? {} : { "content-range": `bytes ${from}-${from + part.length - 1}/${blob.length}` };
  const headers = { "content-length": part.length, "docker-content-digest": last, ...range };
  response.writeHead(from === 0 ? 200 : 206, headers).end(request.method === "HEAD" ? undefined : part);
}

function getManifest({ state, request, response, repository, last }: Exchange): void {
  const manifest = state.manifests.get(`${repository}${last.includes(":") ? "@" : ":"}${last}`);
  if (manifest === undefined) return refuse(response, 404, "MANIFEST_UNKNOWN", "manifest unknown");
  const digest = `sha256:${createHash("sha256").update(manifest.bytes).digest("hex")}`;
  const headers = {
    "content-type": manifest.mediaType,
    "content-length": manifest.bytes.length,
    "docker-content-digest": digest,
  };
  response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : manifest.bytes);
}

async function putManifest({ state, request, response, repository, last }: Exchange): Promise<void> {
  const bytes = await bodyOf(request);
  const { config, layers = [] } = JSON.parse(bytes.toString()) as Partial<
    Record<"config", { digest: string }> & { layers: { digest: string }[] }
  >;
  const missing = [...(config ? [config] : []), ...layers].find((blob) => !state.blobs.has(blob.digest));
  if (missing !== undefined) return refuse(response, 400, "MANIFEST_BLOB_UNKNOWN", `blob unknown: ${missing.digest}`);
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (last.includes(":") && last !== digest) return refuse(response, 400, "DIGEST_INVALID", `the content is ${digest}`);
  const manifest = { bytes, mediaType: request.headers["content-type"] ?? DEFAULT_MANIFEST_TYPE };
  state.manifests.set(`${repository}@${digest}`, manifest);
  if (!last.includes(":")) state.manifests.set(`${repository}:${last}`, manifest);
  response.writeHead(201, { location: `/v2/${repository}/manifests/${digest}`, "docker-content-digest": digest }).end();
}

function deleteManifest({ state, response, repository, last }: Exchange): void {
  const key = `${repository}${last.includes(":") ? "@" : ":"}${last}`;
  const manifest = state.manifests.get(key);
  if (manifest === undefined) return refuse(response, 404, "MANIFEST_UNKNOWN", "manifest unknown");
  state.manifests.delete(key);
  // As in distribution and zot, the tags of a manifest are deleted together with the manifest.
  if (last.includes(":"))
    for (const [name, { bytes }] of state.manifests)
      if (name.startsWith(`${repository}:`) && bytes.equals(manifest.bytes)) state.manifests.delete(name);
  response.writeHead(202).end();
}

/** Lists the manifests whose subject has this digest (distribution-spec, "Listing Referrers"). */
function listReferrers({ state, response, repository, last }: Exchange): void {
  const prefix = `${repository}@`;
  const manifests = [...state.manifests]
    .filter(([key, { bytes }]) => key.startsWith(prefix) && subjectOf(bytes) === last)
    .map(([key, { bytes, mediaType }]) => ({ mediaType, digest: key.slice(prefix.length), size: bytes.length }));
  const index = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests };
  response.writeHead(200, { "content-type": INDEX_TYPE }).end(JSON.stringify(index));
}

function subjectOf(bytes: Buffer): string | undefined {
  try {
    return (JSON.parse(bytes.toString()) as { subject?: { digest?: string } }).subject?.digest;
  } catch {
    return undefined;
  }
}

function listTags(exchange: Exchange): void {
  const { state, response, repository } = exchange;
  const prefix = `${repository}:`;
  const tags = [...state.manifests.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length));
  if (tags.length === 0) return refuse(response, 404, "NAME_UNKNOWN", "repository name not known to registry");
  sendPage(exchange, tags, (page) => ({ name: repository, tags: page }));
}

function listRepositories(exchange: Exchange): void {
  const names = new Set([...exchange.state.manifests.keys()].map((key) => key.slice(0, key.search(/[:@]/))));
  sendPage(exchange, [...names], (repositories) => ({ repositories }));
}

/** Sends one page of a list, and a link to the next page (distribution-spec, "Listing Tags"). */
function sendPage(
  { request, response, query }: Exchange,
  names: readonly string[],
  body: (page: readonly string[]) => unknown,
): void {
  const last = query.get("last") ?? "";
  const rest = names.filter((name) => name > last).sort();
  const page = rest.slice(0, Number(query.get("n") ?? rest.length));
  const path = (request.url ?? "").replace(/\?.*/, "");
  const next = `<${path}?n=${query.get("n")}&last=${encodeURIComponent(page.at(-1) ?? "")}>; rel="next"`;
  if (page.length > 0 && page.length < rest.length) response.setHeader("link", next);
  sendJson(response, body(page));
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}

/** Returns the chunks of an upload. If the upload does not exist, sends a 404 and returns undefined. */
function uploadOf({ state, response, last }: Exchange): Buffer[] | undefined {
  const chunks = state.uploads.get(last);
  if (chunks === undefined) refuse(response, 404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
  return chunks;
}

function accept(response: ServerResponse, repository: string, upload: string, size: number): void {
  const range = `0-${Math.max(0, size - 1)}`;
  response.writeHead(202, { location: `/v2/${repository}/blobs/uploads/${upload}`, range }).end();
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function sizeOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((total, chunk) => total + chunk.length, 0);
}
