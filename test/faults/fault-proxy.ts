import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type ServerResponse,
  request as send,
} from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { refuse } from "../../support/registry/memory-registry.ts";
import { closeServer, countBody, listen } from "../../support/registry/server.ts";
import { limitBodies } from "../support/registry/limits.ts";

/**
 * The ways to break a request. A rate limit refuses this request and the next ones, {@link REFUSALS} in total. A body
 * limit applies to this request and to all later ones.
 */
export const FAULTS = [
  ...(["reset", "500", "503", "stall", "short request", "short response"] as const),
  ...(["rate limit 429", "rate limit 503", "web page", "body limit"] as const),
] as const;

/** One of {@link FAULTS}. */
export type Fault = (typeof FAULTS)[number];

/** How to break one of the next requests. */
export interface FaultPlan {
  /** The index of the request to break. The first request has the index 0. */
  readonly index: number;
  /** If this method is set, the proxy counts only requests with this method. */
  readonly method?: string;
  readonly fault: Fault;
  /**
   * The share of the body that passes before the fault, from 0 to 1. The proxy also computes the size limit for bodies
   * and the header `retry-after` from this number.
   */
  readonly at: number;
}

/** A proxy that forwards requests to a registry and breaks some of them. */
export interface FaultProxy {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** Sets the plan, and counts requests from 0 again. Without a plan, the proxy breaks no request. */
  plan(plan: FaultPlan | undefined): void;
  /** Whether the planned fault has happened. */
  readonly struck: boolean;
  /** The number of requests since the plan was set. */
  readonly requests: number;
  /** The number of body bytes that clients have sent since the plan was set. */
  readonly received: number;
  close(): Promise<void>;
}

/** The time until the proxy closes a stalled connection, in milliseconds. It is longer than the timeout of clients. */
const STALL = 3_000;

/** The number of requests that a rate limit refuses. */
const REFUSALS = 3;

/** The counts since the plan was set, and the limits that apply now. */
interface Counts {
  requests: number;
  eligible: number;
  received: number;
  struck: boolean;
  /** The rate limit refuses this number of further requests. */
  refusals: number;
  /** The size of the largest body that passes, in bytes. */
  bodyLimit: number;
}

const NO_COUNTS: Counts = {
  requests: 0,
  eligible: 0,
  received: 0,
  struck: false,
  refusals: 0,
  bodyLimit: Number.POSITIVE_INFINITY,
};

/** Starts an HTTP proxy. It forwards requests to `upstream` (HOST:PORT), and breaks the request that the plan names. */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  let plan: FaultPlan | undefined;
  let counts = { ...NO_COUNTS };
  const server = createServer(async (request, response) => {
    countBody(request, (bytes) => {
      counts.received += bytes;
    });
    counts.requests++;
    const eligible = plan?.method === undefined || plan.method === request.method;
    const strikes = plan !== undefined && eligible && counts.eligible++ === plan.index;
    if (strikes) {
      counts.struck = true;
      setLimits(plan as FaultPlan, counts);
    }
    if (counts.refusals > 0) return limitRate(plan as FaultPlan, counts, request, response);
    if (Number.isFinite(counts.bodyLimit) && (await limitBodies(counts.bodyLimit)(request, response))) return;
    if (strikes) strike(upstream, plan as FaultPlan, request, response);
    else forward(upstream, request, response);
  });
  return {
    address: await listen(server),
    plan: (next) => {
      plan = next;
      counts = { ...NO_COUNTS };
    },
    get struck() {
      return counts.struck;
    },
    get requests() {
      return counts.requests;
    },
    get received() {
      return counts.received;
    },
    close: () => closeServer(server),
  };
}

/** If the fault of a plan is a limit, sets this limit. A body limit has a value between 64 KiB and 4 MiB. */
function setLimits({ fault, at }: FaultPlan, counts: Counts): void {
  if (fault.startsWith("rate limit")) counts.refusals = REFUSALS;
  if (fault === "body limit") counts.bodyLimit = (64 << 10) << Math.floor(at * 7);
}

/** Refuses a request, as a rate limiter does. */
function limitRate({ fault, at }: FaultPlan, counts: Counts, request: IncomingMessage, response: ServerResponse): void {
  counts.refusals--;
  request.resume();
  response.setHeader("retry-after", at < 0.5 ? "0" : "1");
  refuse(response, fault === "rate limit 429" ? 429 : 503, "TOOMANYREQUESTS", "too many requests");
}

function strike(upstream: string, { fault, at }: FaultPlan, request: IncomingMessage, response: ServerResponse): void {
  const length = Number(request.headers["content-length"] ?? 20e6);
  switch (fault) {
    case "500":
    case "503":
      request.resume();
      request.once("end", () => response.writeHead(Number(fault)).end("broken on purpose"));
      return;
    case "reset":
      afterBytes(request, at * length, () => request.socket.resetAndDestroy());
      return;
    case "stall":
      afterBytes(request, at * length, () => request.pause());
      void sleep(STALL, undefined, { ref: false }).then(() => request.socket.destroy());
      return;
    case "web page":
      request.resume();
      request.once("end", () => response.writeHead(200, { "content-type": "text/html" }).end("<html>Welcome</html>"));
      return;
    case "short request":
      return forward(upstream, request, response, { requestBytes: at * length });
    case "short response":
      return forward(upstream, request, response, { responseShare: at });
    default:
      return forward(upstream, request, response);
  }
}

/** Reads a body. Calls `then` once, after `bytes` bytes or at the end of a shorter body. */
function afterBytes(request: IncomingMessage, bytes: number, then: () => void): void {
  let received = 0;
  let called = false;
  const check = (end: boolean) => {
    if (called || (!end && received < bytes)) return;
    called = true;
    then();
  };
  request.on("data", (chunk: Buffer) => {
    received += chunk.length;
    check(false);
  });
  request.once("end", () => check(true));
}

/** Where to cut a request or its response. */
interface Cut {
  /** The number of body bytes that pass. */
  readonly requestBytes?: number;
  /** The share of the response's body that passes, from 0 to 1. */
  readonly responseShare?: number;
}

function forward(upstream: string, request: IncomingMessage, response: ServerResponse, cut: Cut = {}): void {
  const [host = "", port] = upstream.split(":");
  const drop = () => {
    onward.destroy();
    request.socket.destroy();
  };
  const onward = send({ host, port, method: request.method, path: request.url, headers: request.headers });
  onward.on("error", drop);
  request.on("error", drop);
  response.on("close", () => onward.destroy());
  onward.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    if (cut.responseShare === undefined) return void answer.pipe(response);
    const limit = cut.responseShare * Number(answer.headers["content-length"] ?? 0);
    response.flushHeaders();
    afterBytes(answer, limit, drop);
  });
  if (cut.requestBytes === undefined) request.pipe(onward);
  else forwardUntil(request, onward, cut.requestBytes, drop);
}

/** Forwards a body. Calls `drop` after `bytes` bytes, or at the end of a shorter body. */
function forwardUntil(request: IncomingMessage, onward: ClientRequest, bytes: number, drop: () => void): void {
  request.on("data", (chunk: Buffer) => {
    if (onward.write(chunk)) return;
    request.pause();
    onward.once("drain", () => request.resume());
  });
  afterBytes(request, bytes, drop);
}
