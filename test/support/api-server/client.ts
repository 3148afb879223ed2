import { Agent, request } from "node:https";

/** An answer of the API server. */
export interface ApiAnswer {
  readonly status: number;
  /** The object. If the request failed, this is a `Status` object. */
  readonly body: ApiObject;
  /** The texts of the `Warning` headers (RFC 7234, section 5.5). */
  readonly warnings: readonly string[];
}

/** An object of the API. */
export interface ApiObject {
  readonly message?: string;
  readonly metadata?: { readonly name?: string };
  readonly [field: string]: unknown;
}

/**
 * A client of an API server. It sends a token to authenticate itself. It does not check the certificate of the server,
 * because the server is on this machine.
 */
export class ApiClient {
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  readonly #port: number;
  readonly #token: string;

  constructor(port: number, token: string) {
    this.#port = port;
    this.#token = token;
  }

  /** Sends a request, with an object as its body. */
  send(method: string, path: string, object?: object): Promise<ApiAnswer> {
    const body = object === undefined ? "" : JSON.stringify(object);
    const headers = {
      authorization: `Bearer ${this.#token}`,
      accept: "application/json",
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
    };
    const options = { agent: this.#agent, host: "127.0.0.1", port: this.#port, path, method, headers };
    return new Promise((resolve, reject) => {
      const sent = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const warnings = warningTexts(response.headers.warning ?? "");
          resolve({ status: response.statusCode ?? 0, body: parse(text), warnings });
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }

  /** Creates an object and returns it. If the server refuses the object, throws an error with the server's message. */
  async create(path: string, object: object): Promise<ApiObject> {
    const { status, body } = await this.send("POST", path, object);
    if (status !== 201) throw new Error(`POST ${path}: HTTP status ${status}: ${body.message}`);
    return body;
  }

  /** Closes all connections. */
  close(): void {
    this.#agent.destroy();
  }
}

function parse(text: string): ApiObject {
  try {
    return JSON.parse(text) as ApiObject;
  } catch {
    return { message: text };
  }
}

function warningTexts(header: string): string[] {
  return [...header.matchAll(/299 - ("(?:[^"\\]|\\.)*")/g)].map(([, quoted = '""']) =>
    quoted.slice(1, -1).replaceAll(/\\(.)/g, "$1"),
  );
}
