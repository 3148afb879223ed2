/** A registry, its token server and another origin. All three answer a random part of their requests with faults. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { isDigest } from "oras-push/oci/digest";
import { OCI_MANIFEST } from "oras-push/oci/media-types";
import { type MemoryRegistry, refuse, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { closeServer, listen } from "../../support/registry/server.ts";
import { pick, randomNumbers, seedOf } from "../support/random.ts";
import { type Delivery, drawFault, type Fault, NAMED_TOKENS } from "./random-answers.ts";
import { type Answer, captureAnswer, changedAnswer, NO_ANSWER, sendAnswer } from "./send-answer.ts";

/**
 * How clients authenticate: not at all, with a password, or with a token. A client gets the token with a password or
 * with a refresh token.
 */
export const AUTHENTICATIONS = ["none", "none", "none", "basic", "token", "refresh"] as const;

/** One of {@link AUTHENTICATIONS}. */
export type Authentication = (typeof AUTHENTICATIONS)[number];

/** The user of the registry. */
export const USER = "bob-the-user";
/** The password of {@link USER}. All secrets begin with the same word, so that a search finds all of them. */
export const PASSWORD = "secret-password";
/** The refresh token. */
export const REFRESH_TOKEN = "secret-refresh-token";

const ENCODED = Buffer.from(`${USER}:${PASSWORD}`).toString("base64");
const TOKEN = "secret-access-token-";
const SECRETS = ["secret-", ENCODED];

/** The test searches for secrets in this number of bytes at the start of a body. */
const SEARCHED = 64 << 10;

/** How to start a {@link FaultyRegistry}. */
export interface FaultyOptions {
  readonly seed: number;
  /** The share of requests with a fault, from 0 to 1. */
  readonly probability: number;
  readonly authentication: Authentication;
}

/** Facts about the requests to a {@link FaultyRegistry}. */
export interface Facts {
  /** The number of requests to the registry, its token server and the other origin together. */
  requests: number;
  /** A line for each fault that happened. */
  readonly faults: string[];
  /** The number of answers that make the client pause before its next request. */
  pauses: number;
  /** The paths of manifests that the registry did not store, although it responded with 201. */
  readonly falseClaims: string[];
  /** Requests that sent credentials to a server that must not get them. */
  readonly leaks: string[];
  /** Errors of this test itself. */
  readonly mistakes: unknown[];
}

/** A registry that answers a random part of its requests with faults. */
export interface FaultyRegistry {
  readonly registry: MemoryRegistry;
  readonly facts: Facts;
  close(): Promise<void>;
}

type Origin = "registry" | "tokens" | "other";

/** The deliveries that send no status and no headers. */
const UNREAD: readonly Delivery[] = ["unanswered", "disconnected", "garbage"];

/** Whether a text contains a secret. */
export function hasSecret(text: string): boolean {
  return SECRETS.some((secret) => text.includes(secret));
}

/** Starts the three servers on free ports of the loopback interface. */
export async function startFaultyRegistry(options: FaultyOptions): Promise<FaultyRegistry> {
  const facts: Facts = { requests: 0, faults: [], pauses: 0, falseClaims: [], leaks: [], mistakes: [] };
  const registry = await startMemoryRegistry();
  const tokens = new Set<string>();
  const watch = new CredentialWatch(options.authentication, facts.leaks);
  const faults = new FaultSequence(options, `http://${registry.address}`);

  /**
   * A fault either answers in place of the handler, or changes the handler's answer. Returns true if the fault answers
   * in place of the handler.
   */
  const strike = async (origin: Origin, request: IncomingMessage, response: ServerResponse) => {
    facts.requests++;
    const fault = faults.next(origin, request);
    if (fault === undefined) return false;
    const send = (right: Answer) => {
      const answer = changedAnswer(right, fault);
      facts.faults.push(describeFault(origin, request, right, fault));
      if (!UNREAD.includes(fault.delivery)) {
        note(facts, request, right, answer, fault);
        watch.answered(origin, request.url ?? "", answer);
      }
      sendAnswer(request, response, answer, fault).catch((error) => facts.mistakes.push(error));
    };
    if (fault.handled) captureAnswer(response, send);
    else send(NO_ANSWER);
    return !fault.handled;
  };
  const serve = (origin: Origin, handle: (response: ServerResponse, request: IncomingMessage) => void) => {
    const listener: RequestListener = async (request, response) => {
      watch.requested(origin, request, await startOf(request));
      if (!(await strike(origin, request, response))) handle(response, request);
    };
    return createServer(listener);
  };
  const other = serve("other", (response, { url = "" }) => {
    if (url.startsWith(NAMED_TOKENS)) return sendToken(response, pick(faults.random, STRANGE_TOKENS));
    const blob = registry.blobs.get(/\/blobs\/(sha256:\w+)$/.exec(url)?.[1] ?? "");
    if (blob === undefined || faults.random() < 0.3) {
      // The registry redirects clients to this server. If this server asks for credentials, clients must not send any.
      response.setHeader(
        "www-authenticate",
        pick(faults.random, [`Bearer realm="${faults.other}${NAMED_TOKENS}"`, "Basic"]),
      );
      return refuse(response, pick(faults.random, [401, 404]), "UNAUTHORIZED", "not here");
    }
    response.writeHead(200, { "content-length": blob.length }).end(blob);
  });
  const tokenServer = serve("tokens", (response, request) => {
    if (options.authentication === "token" && request.headers.authorization !== `Basic ${ENCODED}`)
      return refuse(response, 401, "UNAUTHORIZED", "wrong user or password");
    const token = `${TOKEN}${tokens.size}`;
    tokens.add(token);
    sendToken(response, token);
  });
  faults.other = `http://${await listen(other)}`;
  const gate = gateFor(options.authentication, `http://${await listen(tokenServer)}/tokens`, tokens);
  registry.intercept(async (request, response) => {
    watch.requested("registry", request, "");
    return (await strike("registry", request, response)) || gate(request, response);
  });
  return {
    registry,
    facts,
    close: async () => void (await Promise.all([registry.close(), closeServer(other), closeServer(tokenServer)])),
  };
}

/**
 * Chooses the faults at random. The choice depends on the seed, the request, and the number of earlier equal requests.
 */
class FaultSequence {
  /** The other origin. */
  other = "";
  /** For choices of servers. */
  readonly random: () => number;
  readonly #options: FaultyOptions;
  readonly #registry: string;
  readonly #counts = new Map<string, number>();

  constructor(options: FaultyOptions, registry: string) {
    this.#options = options;
    this.#registry = registry;
    this.random = randomNumbers(seedOf(options.seed, "servers"));
  }

  /** Returns the fault for the next request to a server. Returns undefined if the request has no fault. */
  next(origin: Origin, { method = "", url = "", headers }: IncomingMessage): Fault | undefined {
    const { seed, probability } = this.#options;
    // The name of a request must be the same in all runs. So it contains no ids of uploads and no ports, because these
    // differ between runs.
    const name = `${origin} ${method} ${url.replace(/[0-9a-f-]{36}/, "ID").replace(/\?.*/, "")}`;
    const count = this.#counts.get(name) ?? 0;
    this.#counts.set(name, count + 1);
    const random = randomNumbers(seedOf(seed, `${name} ${count}`));
    if (random() >= probability) return undefined;
    const { authorization } = headers;
    return drawFault(random, { method, path: url, authorization, registry: this.#registry, other: this.other });
  }
}

/** Finds credentials in requests to servers that must not get these credentials. */
class CredentialWatch {
  readonly #authentication: Authentication;
  readonly #leaks: string[];
  /** Whether the registry asked for a password. */
  #passwordWanted: boolean;
  /**
   * The paths on the server `other` that are allowed to get credentials: the path of the token server that the registry
   * named, and the paths to which this token server redirected.
   */
  readonly #named = new Set<string>();

  constructor(authentication: Authentication, leaks: string[]) {
    this.#authentication = authentication;
    this.#leaks = leaks;
    this.#passwordWanted = authentication === "basic";
  }

  /** Call this when a server sends an answer to a request for `url`. */
  answered(origin: Origin, url: string, { status, headers }: Answer): void {
    const challenge = String(headers["www-authenticate"] ?? "");
    if (origin === "registry" && status === 401) {
      this.#passwordWanted ||= /\bbasic\b/i.test(challenge);
      if (challenge.includes(NAMED_TOKENS)) this.#named.add(NAMED_TOKENS);
    }
    // If a token server redirects to another path on the same server, a client is allowed to send credentials to the
    // new path.
    const base = new URL(url, "http://other");
    const location = String(headers.location ?? "");
    if (origin === "other" && this.#named.has(base.pathname) && URL.canParse(location, base.href))
      this.#named.add(new URL(location, base).pathname);
  }

  /** Call this when a server got a request. `body` is the start of the request's body. */
  requested(origin: Origin, { method, url = "", rawHeaders }: IncomingMessage, body: string): void {
    const text = `${method} ${url} ${rawHeaders.join(" ")} ${body}`;
    if (!(hasSecret(text) || /authorization/i.test(rawHeaders.join(" ")))) return;
    if (!this.#mayGet(origin, url, text)) this.#leaks.push(`${origin}: ${text.slice(0, 500)}`);
  }

  #mayGet(origin: Origin, url: string, text: string): boolean {
    const access = text.includes(TOKEN);
    const password = text.includes(ENCODED) || text.includes(PASSWORD);
    if (origin === "registry") return !text.includes(REFRESH_TOKEN) && (!password || this.#passwordWanted);
    if (origin === "tokens") return /token|refresh/.test(this.#authentication) && !access;
    return this.#named.has(new URL(url, "http://other").pathname) && !access;
  }
}

/** Notes the consequences of an answer. */
function note(facts: Facts, request: IncomingMessage, right: Answer, { status, headers }: Answer, { handled }: Fault) {
  if (status === 429 || status === 503) facts.pauses++;
  if (request.method !== "PUT" || request.headers["content-type"] !== OCI_MANIFEST || status !== 201) return;
  const stored = handled && right.status === 201;
  if (!stored && !isDigest(headers["docker-content-digest"])) facts.falseClaims.push(request.url ?? "");
}

/**
 * Returns a function that checks the credential of a request. If the credential is missing or wrong, the function sends
 * a challenge and returns true. Otherwise, it returns false.
 */
function gateFor(authentication: Authentication, realm: string, tokens: ReadonlySet<string>) {
  const isValid = (authorization = "") =>
    authentication === "none" ||
    (authentication === "basic" ? authorization === `Basic ${ENCODED}` : tokens.has(authorization.slice(7)));
  const challenge =
    authentication === "basic" ? 'Basic realm="registry"' : `Bearer realm="${realm}",service="registry"`;
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    if (isValid(request.headers.authorization)) return false;
    request.resume();
    response.setHeader("www-authenticate", challenge);
    refuse(response, 401, "UNAUTHORIZED", "authentication required");
    return true;
  };
}

const STRANGE_TOKENS = [
  "other-token",
  "other-token",
  "line\r\nX-Injected: 1",
  "\u2603",
  "",
  12,
  null,
  "x".repeat(20_000),
];

function sendToken(response: ServerResponse, token: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ token, expires_in: 60 }));
}

/** Reads a body. Returns its first bytes as text. */
async function startOf(request: IncomingMessage): Promise<string> {
  let text = "";
  try {
    for await (const chunk of request) if (text.length < SEARCHED) text += (chunk as Buffer).toString("latin1");
  } catch {
    // The client may break the connection.
  }
  return text;
}

function describeFault(
  origin: Origin,
  { method, url }: IncomingMessage,
  right: Answer,
  { handled, informational, status, headers, bodyName, delivery }: Fault,
): string {
  const told = handled ? `right answer ${right.status}, changed to` : "answered with";
  const shown = JSON.stringify(headers, (_, value) => (value === undefined ? "removed" : value)).slice(0, 300);
  const before = informational.length > 0 ? `${informational} and ` : "";
  return `${origin} ${method} ${url}: ${told} ${before}${status ?? "the same status"} ${shown} ${bodyName}, ${delivery}`;
}
