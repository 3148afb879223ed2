import { ToolError } from "shared/cli/tool-error";
import { shownUrl } from "../http/location.ts";
import { parseErrorBody, RegistryError } from "../registry-error.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credential, CredentialSource } from "./credential.ts";

/** Sends a request to a token server. Returns the status and body of the response. */
export type TokenRequest = (
  url: URL,
  request: { readonly authorization?: string; readonly form?: URLSearchParams },
) => Promise<{ readonly status: number; readonly body: Buffer }>;

/**
 * The lifetime of a token in seconds, if the token server specifies no lifetime (distribution's token specification).
 */
const DEFAULT_TOKEN_SECONDS = 60;

/**
 * This process renews a token this many seconds before the token expires, but never in the first half of the token's
 * lifetime.
 */
const RENEWAL_MARGIN_SECONDS = 5;

/** An access token. */
interface Token {
  /** The value of the `Authorization` header. */
  readonly header: string;
  /** When to renew the token, in milliseconds since 1970. */
  readonly renewal: number;
}

/** A challenge that requires a token, and the origin of the registry that sent the challenge. */
interface TokenChallenge {
  readonly challenge: Challenge;
  readonly origin: URL;
}

/** The text that replaces a secret. */
const CONCEALED = "***";

/**
 * Answers the challenges of one registry: basic challenges with a password, and bearer challenges with a token from a
 * token server. Keeps one token for each scope, and renews a token before it expires. Uses no credential before the
 * registry has sent a challenge.
 */
export class Authorizer {
  readonly #registry: string;
  readonly #credentials: CredentialSource;
  readonly #request: TokenRequest;
  readonly #tokens = new Map<string, Token & TokenChallenge>();
  /** The running requests for tokens, by scope. */
  readonly #renewals = new Map<string, Promise<Token>>();
  readonly #secrets = new Set<string>();
  #basic: string | undefined;
  /**
   * Describes the refused credentials for an error message. For example: `bob was refused`. Undefined before the first
   * challenge.
   */
  #refused: string | undefined;

  constructor(registry: string, credentials: CredentialSource, request: TokenRequest) {
    this.#registry = registry;
    this.#credentials = credentials;
    this.#request = request;
  }

  /**
   * Returns the `Authorization` header for a scope. Returns undefined before the first challenge. If the token has
   * expired or will expire soon, this method renews the token. Without the renewal, this process might send a large
   * body with an expired token, and the registry would reject the request. Throws the errors of {@link answer} if the
   * renewal fails.
   */
  async header(scope: string): Promise<string | undefined> {
    const token = this.#tokens.get(scope);
    if (token === undefined) return this.#basic;
    return token.renewal > Date.now() ? token.header : (await this.#renew(scope, token)).header;
  }

  /**
   * Answers the challenge of a 401. Returns false in three cases: this class supports no scheme of the challenge, there
   * is no password, or the rejected request already contained the password. `hadPassword` says whether the rejected
   * request contained the password. Throws `notAuthorized` if the token server refuses to issue a token.
   */
  async answer(
    challenge: string | readonly string[] | undefined,
    scope: string,
    origin: URL,
    hadPassword: boolean = this.sendsPassword,
  ): Promise<boolean> {
    const challenges = parseChallenges(challenge);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) {
      await this.#renew(scope, { challenge: bearer, origin });
      return true;
    }
    if (!challenges.some(({ scheme }) => scheme === "basic")) return false;
    if (this.#basic !== undefined) return !hadPassword;
    const credential = await this.#credential();
    if (credential?.kind !== "basic") return false;
    this.#basic = this.#basicHeader(credential);
    return true;
  }

  /** Whether this process sends the user name and the password. False until the registry asks for a password. */
  get sendsPassword(): boolean {
    return this.#basic !== undefined;
  }

  /**
   * Describes the refused credentials for an error message. For example: `bob was refused`. Undefined before the first
   * challenge.
   */
  get refused(): string | undefined {
    return this.#refused;
  }

  /** Replaces the secrets in a text that a server sent. A server may copy a secret from a request into a response. */
  conceal(text: string): string {
    let shown = text;
    for (const secret of this.#secrets) shown = shown.replaceAll(secret, CONCEALED);
    return shown;
  }

  async #credential(): Promise<Credential | undefined> {
    const credential = await this.#credentials(this.#registry);
    this.#refused = refusalOf(credential);
    return credential;
  }

  /**
   * Requests a token. If a request for the same scope is already running, this method instead waits for the token of
   * that request.
   */
  #renew(scope: string, challenge: TokenChallenge): Promise<Token> {
    const renewal = this.#renewals.get(scope) ?? this.#requestToken(scope, challenge);
    this.#renewals.set(scope, renewal);
    return renewal;
  }

  async #requestToken(scope: string, { challenge, origin }: TokenChallenge): Promise<Token> {
    try {
      const token = await this.#token(challenge, scope, origin);
      this.#tokens.set(scope, { ...token, challenge, origin });
      return token;
    } finally {
      this.#renewals.delete(scope);
    }
  }

  async #token(challenge: Challenge, scope: string, origin: URL): Promise<Token> {
    const credential = await this.#credential();
    if (credential?.kind === "bearer") return this.#bearer(credential.token, Number.POSITIVE_INFINITY);
    const realm = realmOf(challenge, origin);
    const { status, body } = await this.#send(realm, credential, challenge, scope);
    if (status !== 200)
      throw new RegistryError(
        `a token request to ${shownUrl(realm)}`,
        status === 400 ? 401 : status,
        parseErrorBody(body, (text) => this.conceal(concealTokens(text))),
        undefined,
        { refused: this.#refused, expected: [200] },
      );
    const { token, seconds } = parseToken(body, realm);
    return this.#bearer(token, Date.now() + Math.max(seconds - RENEWAL_MARGIN_SECONDS, seconds / 2) * 1000);
  }

  /**
   * Requests a token with a GET. If the credential is a refresh token, this method instead sends a POST that exchanges
   * the refresh token for an access token.
   */
  #send(
    realm: URL,
    credential: Exclude<Credential, { kind: "bearer" }> | undefined,
    { parameters: { service, scope: requested } }: Challenge,
    scope: string,
  ): ReturnType<TokenRequest> {
    const scopes = [...new Set([scope, requested].filter((value) => value !== undefined))];
    if (credential?.kind !== "refresh") {
      const authorization = credential === undefined ? {} : { authorization: this.#basicHeader(credential) };
      return this.#request(withScopes(realm, scopes, service), authorization);
    }
    this.#secrets.add(credential.token);
    return this.#request(realm, { form: refreshForm(credential.token, scopes, service) });
  }

  #bearer(token: string, renewal: number): Token {
    this.#secrets.add(token);
    return { header: `Bearer ${token}`, renewal };
  }

  #basicHeader({ username, password }: Credential & { kind: "basic" }): string {
    const encoded = Buffer.from(`${username}:${password}`).toString("base64");
    this.#secrets.add(encoded);
    if (password !== "") this.#secrets.add(password);
    return `Basic ${encoded}`;
  }
}

function refusalOf(credential: Credential | undefined): string {
  switch (credential?.kind) {
    case "basic":
      return `${credential.username} was refused`;
    case "refresh":
      return "the identity token was refused";
    case "bearer":
      return "the access token was refused";
    default:
      return "no credentials were given";
  }
}

/**
 * Returns the URL of the token server. Throws `notAuthorized` if the registry uses HTTPS, but the token server does
 * not.
 */
function realmOf(challenge: Challenge, origin: URL): URL {
  const realm = challenge.parameters.realm;
  if (realm === undefined || !URL.canParse(realm))
    throw new ToolError("registry", `the registry ${origin.host} sent an invalid challenge`, {
      why: "expected the URL of a token server as realm",
    });
  const url = new URL(realm);
  if (url.protocol !== "https:" && origin.protocol === "https:")
    throw new ToolError("notAuthorized", `the token server of the registry ${origin.host} does not use HTTPS`, {
      why: `expected HTTPS, found ${url.origin}`,
    });
  return url;
}

function withScopes(realm: URL, scopes: readonly string[], service: string | undefined): URL {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  return url;
}

function refreshForm(token: string, scopes: readonly string[], service: string | undefined): URLSearchParams {
  const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: token, client_id: "oras-push" });
  if (service !== undefined) form.set("service", service);
  form.set("scope", scopes.join(" "));
  return form;
}

/**
 * Replaces the tokens in a response of a token server. Even an error response may contain a token, or a part of a
 * token.
 */
function concealTokens(text: string): string {
  return text.replace(/(token"\s*:\s*")[^"]*/gi, `$1${CONCEALED}`);
}

function parseToken(body: Buffer, realm: URL): { token: string; seconds: number } {
  let fields: { token?: unknown; access_token?: unknown; expires_in?: unknown } | null;
  try {
    fields = JSON.parse(body.toString()) as typeof fields;
  } catch {
    throw new ToolError("registry", `the token server ${realm.origin} did not return JSON`);
  }
  const token = fields?.access_token ?? fields?.token;
  if (typeof token !== "string" || token === "")
    throw new ToolError("registry", `the token server ${realm.origin} returned no token`);
  const life = fields?.expires_in;
  return { token, seconds: typeof life === "number" && life > 0 ? life : DEFAULT_TOKEN_SECONDS };
}
