import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { closeServer, listen } from "../../support/registry/server.ts";

/** One request to the registry. The times are milliseconds of `performance.now()`. */
export interface TimedRequest {
  readonly method: string;
  /** The path and the query. */
  readonly path: string;
  /** When the head of the request arrived. */
  readonly start: number;
  /** When the response of the registry was complete. */
  readonly end: number;
}

/** A proxy that forwards requests to a registry, and records the time of each request. */
export interface TimedRegistry {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** The finished requests. The request that ended first comes first. */
  readonly requests: readonly TimedRequest[];
  close(): Promise<void>;
}

/** Starts a proxy in front of the registry at `registry` (`HOST:PORT`). */
export async function startTimedRegistry(registry: string): Promise<TimedRegistry> {
  const requests: TimedRequest[] = [];
  const agent = new Agent({ keepAlive: true });
  const server = createServer({ noDelay: true }, (message, response) => {
    const start = performance.now();
    const { method = "", url: path = "" } = message;
    forward(registry, agent, message, response, () => requests.push({ method, path, start, end: performance.now() }));
  });
  const address = await listen(server);
  const close = () => {
    agent.destroy();
    return closeServer(server);
  };
  return { address, requests, close };
}

/** Forwards a request and its response. Calls `answered` when the registry has sent its response. */
function forward(
  registry: string,
  agent: Agent,
  message: IncomingMessage,
  response: ServerResponse,
  answered: () => void,
): void {
  const [host, port] = registry.split(":");
  const { method, url: path, headers } = message;
  const forwarded = request({ host, port, method, path, headers, agent }, (answer) => {
    response.writeHead(answer.statusCode as number, answer.headers);
    answer.on("end", answered).pipe(response);
  });
  forwarded.on("error", () => response.destroy());
  message.pipe(forwarded);
}
