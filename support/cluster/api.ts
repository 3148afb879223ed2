import { readFileSync } from "node:fs";
import { Agent, get } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/** A client of the API server, with the administrator's credentials. It is faster than kubectl. */
export class Api {
  readonly #agent: Agent;
  readonly #port: number;

  /** `pki` is the folder with the credentials. `port` is the port of 127.0.0.1 that is forwarded to the API server. */
  constructor(pki: string, port: number) {
    const read = (name: string) => readFileSync(join(pki, name));
    this.#agent = new Agent({ ca: read("ca.crt"), cert: read("admin.crt"), key: read("admin.key"), keepAlive: true });
    this.#port = port;
  }

  /** Returns the object or the list at a path of the API. Returns undefined if nothing exists at this path. */
  async get<T>(path: string): Promise<T | undefined> {
    const { status, body } = await this.#request(path);
    if (status === 404) return undefined;
    if (status !== 200) throw new Error(`GET ${path}: HTTP status ${status}: ${body}`);
    return JSON.parse(body) as T;
  }

  /**
   * Returns the log of a container. `path` is the path of the log in the API. Returns undefined if the container has no
   * log yet.
   */
  async log(path: string): Promise<string | undefined> {
    const { status, body } = await this.#request(path);
    return status === 200 ? body : undefined;
  }

  /**
   * Calls `receive` with each object of a list, and again at each change of an object. If an object is deleted,
   * `receive` gets the state before the deletion. Returns a function that stops the watch. If the API server ends the
   * watch, an uncaught error is thrown.
   */
  watch<T>(path: string, receive: (object: T) => void): () => void {
    const separator = path.includes("?") ? "&" : "?";
    const options = { agent: this.#agent, host: "127.0.0.1", port: this.#port, path: `${path}${separator}watch=true` };
    let stopped = false;
    const request = get(options, (response) => {
      const lines = createInterface(response);
      lines.on("line", (line) => receive((JSON.parse(line) as { object: T }).object));
      lines.on("error", () => {});
      response.on("close", () => {
        if (!stopped) throw new Error(`the API server ended the watch of ${path}`);
      });
    });
    request.on("error", () => {});
    return () => {
      stopped = true;
      request.destroy();
    };
  }

  /** Waits until the API server is ready. Throws if this takes longer than `seconds`. */
  async untilReady(seconds: number): Promise<void> {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const answer = await this.#request("/readyz").catch((error: Error) => ({ status: 0, body: error.message }));
      if (answer.status === 200) return;
      if (Date.now() > end) throw new Error(`the API server is not ready after ${seconds} s: ${answer.body}`);
      await sleep(100);
    }
  }

  #request(path: string): Promise<{ readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
      const options = { agent: this.#agent, host: "127.0.0.1", port: this.#port, path, timeout: 20_000 };
      const request = get(options, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
        response.on("error", reject);
      });
      request.on("timeout", () => request.destroy(new Error(`GET ${path}: no answer`)));
      request.on("error", reject);
    });
  }
}
