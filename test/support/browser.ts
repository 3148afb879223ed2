/** Starts a Chromium without a window, and controls it with the DevTools protocol over two pipes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { findProgram } from "../../support/debian.ts";

/** The reason to skip tests that need a browser. It is false if this machine has Chromium. */
export const NO_BROWSER: string | false = findProgram("chromium") === undefined ? "chromium is not installed" : false;

/** The result or the parameters of a command of the protocol. */
export type Fields = Readonly<Record<string, unknown>>;

/** A tab of a browser. */
export interface Page {
  /** Sends a command of the DevTools protocol. */
  send(method: string, params?: Fields): Promise<Fields>;
  /** Calls `listener` with the parameters of each event whose name is `method`. */
  on(method: string, listener: (params: Fields) => void): void;
  /** Opens a URL, and waits until it is loaded. */
  open(url: string): Promise<void>;
  /**
   * Evaluates an expression and returns its value, which must be a JSON value. If the expression returns a promise,
   * waits for the promise. Throws if the expression throws.
   */
  evaluate<T>(expression: string): Promise<T>;
}

/** A running browser. */
export interface Browser {
  /** Opens a tab. */
  page(): Promise<Page>;
  close(): Promise<void>;
}

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Fields;
  readonly result?: Fields;
  readonly error?: { readonly message: string };
}

/** Starts Chromium with its data in `folder`. */
export function startBrowser(folder: string): Browser {
  const flags = [
    "--headless",
    "--remote-debugging-pipe",
    // Root cannot use the sandbox.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    `--user-data-dir=${folder}`,
  ];
  const env = { PATH: process.env.PATH ?? "", HOME: folder };
  const child = spawn("chromium", flags, { env, stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const connection = new Connection(child);
  return {
    page: async () => {
      const { targetId } = await connection.send("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await connection.send("Target.attachToTarget", { targetId, flatten: true });
      const page = pageOf(connection, sessionId as string);
      for (const domain of ["Page", "Runtime", "Network", "Log"]) await page.send(`${domain}.enable`);
      return page;
    },
    close: async () => {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

class Connection {
  readonly #input: Writable;
  readonly #answers = new Map<number, (message: Message) => void>();
  readonly #listeners: ((message: Message) => void)[] = [];
  #lastId = 0;

  constructor(child: ChildProcess) {
    this.#input = child.stdio[3] as Writable;
    let rest = Buffer.alloc(0);
    (child.stdio[4] as Readable).on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
        this.#receive(JSON.parse(rest.subarray(0, end).toString()) as Message);
        rest = rest.subarray(end + 1);
      }
    });
  }

  listen(listener: (message: Message) => void): void {
    this.#listeners.push(listener);
  }

  async send(method: string, params: Fields = {}, sessionId?: string): Promise<Fields> {
    const id = ++this.#lastId;
    const answer = new Promise<Message>((resolve) => this.#answers.set(id, resolve));
    this.#input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const { error, result } = await answer;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  #receive(message: Message): void {
    if (message.id === undefined) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    this.#answers.get(message.id)?.(message);
    this.#answers.delete(message.id);
  }
}

function pageOf(connection: Connection, sessionId: string): Page {
  const page: Page = {
    send: (method, params) => connection.send(method, params, sessionId),
    on: (method, listener) =>
      connection.listen((message) => {
        if (message.sessionId === sessionId && message.method === method) listener(message.params ?? {});
      }),
    open: async (url) => {
      const loaded = new Promise<void>((resolve) => page.on("Page.loadEventFired", () => resolve()));
      await page.send("Page.navigate", { url });
      await loaded;
    },
    evaluate: async <T>(expression: string) => {
      const options = { expression, awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = (await page.send("Runtime.evaluate", options)) as {
        result: { value: T };
        exceptionDetails?: { exception?: { description?: string }; text: string };
      };
      if (exceptionDetails !== undefined)
        throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    },
  };
  return page;
}
