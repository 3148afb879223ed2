import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf } from "shared/fs/system-error";
import type { InjectionSettings } from "../settings.ts";
import { decide, parseReview, reviewResponse } from "./admission-review.ts";
import { readCertificate, watchCertificate } from "./certificate.ts";

/** How to serve the webhook. */
export interface WebhookPlan {
  readonly settings: InjectionSettings;
  readonly host: string;
  readonly port: number;
  /** The folder with `tls.crt` and `tls.key`. */
  readonly certificates: string;
}

/** The context in which a webhook runs. */
export interface WebhookContext {
  readonly log: (line: string) => void;
  readonly warn: (text: string) => void;
  /** If this signal aborts, the webhook ends. */
  readonly signal: AbortSignal;
}

/** The maximum size of a request's body, in bytes. The API server accepts objects of at most 3 MiB. */
const MAX_BODY_BYTES = 4 << 20;

/**
 * The maximum number of connections. Together with {@link MAX_BODY_BYTES}, this number limits the memory of the
 * webhook.
 */
const MAX_CONNECTIONS = 32;

/**
 * The time limits for requests and connections, in milliseconds. The API server waits for an answer for at most 5
 * seconds (`timeoutSeconds`).
 */
const TIMES = { headers: 2000, request: 5000, idle: 60_000, check: 1000 } as const;

/**
 * After the signal aborts, the webhook continues to answer requests for this number of milliseconds. During this time,
 * Kubernetes stops sending new requests to this replica.
 */
const END_TIME = 5000;

/**
 * Serves `POST /inject` for AdmissionReviews, and `GET /livez` and `GET /readyz`, until the signal aborts. Reads the
 * certificate again when it changes. Throws `noInput` if the certificate is unusable. Throws `usage` if the webhook
 * cannot listen on the address.
 */
export async function serveWebhook(plan: WebhookPlan, { log, warn, signal }: WebhookContext): Promise<void> {
  const pair = readCertificate(plan.certificates);
  const server = createServer({
    ...pair,
    minVersion: "TLSv1.2",
    headersTimeout: TIMES.headers,
    requestTimeout: TIMES.request,
    keepAliveTimeout: TIMES.idle,
    connectionsCheckingInterval: TIMES.check,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on(
    "request",
    (request, response) => void answer(request, response, { settings: plan.settings, signal, warn }),
  );
  await listen(server, plan);
  watchCertificate(plan.certificates, pair, {
    use: (next) => {
      server.setSecureContext(next);
      log("the certificate changed, and the webhook uses the new one");
    },
    warn,
    signal,
  });
  const { address, port } = server.address() as AddressInfo;
  log(`the webhook listens on ${address}:${port}`);
  await untilAborted(signal);
  await sleep(END_TIME);
  server.closeIdleConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

interface Exchange {
  readonly settings: InjectionSettings;
  readonly signal: AbortSignal;
  readonly warn: (text: string) => void;
}

async function answer(request: IncomingMessage, response: ServerResponse, exchange: Exchange): Promise<void> {
  try {
    const [status, body] = await respond(request, exchange);
    const type = body.startsWith("{") ? "application/json" : "text/plain";
    const connection = exchange.signal.aborted ? { connection: "close" } : {};
    response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body), ...connection });
    response.end(body);
  } catch (error) {
    if (!request.destroyed) exchange.warn(`cannot answer a request: ${reasonOf(error)}`);
    response.destroy();
  }
}

async function respond(request: IncomingMessage, { settings, signal }: Exchange): Promise<[number, string]> {
  const { pathname } = new URL(request.url ?? "/", "https://localhost");
  if (request.method === "GET" && pathname === "/livez") return [200, "ok\n"];
  if (request.method === "GET" && pathname === "/readyz") return signal.aborted ? [503, "ending\n"] : [200, "ok\n"];
  if (pathname !== "/inject") return [404, "expected /inject, /livez or /readyz\n"];
  if (request.method !== "POST") return [405, "expected POST\n"];
  const body = await readBody(request);
  if (body === undefined) return [413, `expected a body of at most ${MAX_BODY_BYTES} bytes\n`];
  const review = parseReview(body);
  if (review === undefined) return [400, "expected an AdmissionReview of admission.k8s.io/v1 with an object\n"];
  return [200, reviewResponse(review.uid, decide(review.object, settings))];
}

/**
 * Reads and returns the body of a request. If the body is too large, returns undefined and does not keep the body in
 * memory. Still reads such a body to its end, because some clients read the response only after they have sent the
 * whole body.
 */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  }
  return size > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks).toString("utf8");
}

function listen(server: Server, { host, port }: WebhookPlan): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      reject(new ToolError("usage", `cannot listen on ${host}:${port}`, { why: reasonOf(error), cause: error }));
    });
    server.listen(port, host, resolve);
  });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
