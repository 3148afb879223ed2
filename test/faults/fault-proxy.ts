import { createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A way in which a request is broken. */
export const FAULTS = ["reset", "500", "503", "stall", "short request", "short answer"] as const;

/** One of {@link FAULTS}. */
export type Fault = (typeof FAULTS)[number];

/** What is done to the requests that come from now on. */
export interface FaultPlan {
  /** Which request is broken, counted from 0. */
  readonly index: number;
  /** The requests' method that is counted; all are by default. */
  readonly method?: string;
  readonly fault: Fault;
  /** How far into a body it is broken, 0 to 1. */
  readonly at: number;
}

/** A proxy in front of a registry. */
export interface FaultProxy {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** Lets the next request be number 0, and breaks the planned one; undefined for none. */
  plan(plan: FaultPlan | undefined): void;
  /** Whether the planned fault has come to pass. */
  readonly struck: boolean;
  /** Requests that have come since the plan was made. */
  readonly requests: number;
  /** Bytes of bodies that clients have sent since the plan was made. */
  readonly received: number;
  close(): Promise<void>;
}

/** How long a stalled request hangs before the proxy itself lets go, in milliseconds: longer than clients have patience. */
const STALL = 3_000;

/** Starts a proxy of HTTP in front of `upstream` (host and port) that breaks one request as planned. */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  let plan: FaultPlan | undefined;
  let count = 0;
  let eligible = 0;
  let struck = false;
  let received = 0;
  const server = createServer((request, response) => {
    const emit = request.emit;
    // Counts what arrives without reading it, which would set it flowing.
    request.emit = function (this: IncomingMessage, event: string | symbol, ...rest: unknown[]) {
      if (event === "data") received += (rest[0] as Buffer).length;
      return emit.call(this, event, ...rest);
    };
    count++;
    const counted = plan?.method === undefined || plan.method === request.method;
    const fault = counted && eligible++ === plan?.index ? plan : undefined;
    if (fault === undefined) return forward(upstream, request, response);
    struck = true;
    strike(upstream, fault, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    plan: (next) => {
      plan = next;
      count = 0;
      eligible = 0;
      struck = false;
      received = 0;
    },
    get struck() {
      return struck;
    },
    get requests() {
      return count;
    },
    get received() {
      return received;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
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
    case "short request":
      return forward(upstream, request, response, { requestBytes: at * length });
    case "short answer":
      return forward(upstream, request, response, { answerShare: at });
  }
}

/** Reads a body and calls back once when so much of it has come, or all. */
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

function forward(
  upstream: string,
  request: IncomingMessage,
  response: ServerResponse,
  cut: { requestBytes?: number; answerShare?: number } = {},
): void {
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
    if (cut.answerShare === undefined) return void answer.pipe(response);
    const limit = cut.answerShare * Number(answer.headers["content-length"] ?? 0);
    response.flushHeaders();
    afterBytes(answer, limit, drop);
  });
  if (cut.requestBytes === undefined) return void request.pipe(onward);
  request.on("data", (chunk: Buffer) => {
    if (onward.write(chunk)) return;
    request.pause();
    onward.once("drain", () => request.resume());
  });
  afterBytes(request, cut.requestBytes, drop);
}
