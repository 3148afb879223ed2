import { ToolError } from "shared/cli/tool-error";
import { parseErrorBody, RegistryError } from "../registry-error.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credential, CredentialSource } from "./credential.ts";

/** A request to a token server, and its answer. */
export type TokenRequest = (
  url: URL,
  request: { readonly authorization?: string; readonly form?: URLSearchParams },
) => Promise<{ readonly status: number; readonly body: Buffer }>;

/** Seconds that a token is good for where its server does not say (distribution's token specification). */
const DEFAULT_TOKEN_SECONDS = 60;

/** A token is renewed this many seconds before it expires, or at half its life where that is later. */
const RENEWAL_MARGIN_SECONDS = 5;

interface Token {
  readonly header: string;
  /** When a new one is due, in milliseconds since 1970. */
  readonly renewal: number;
}

/** A challenge that a token was asked for by, and the registry that made it. */
interface Asked {
  readonly challenge: Challenge;
  readonly origin: URL;
}

/** What stands for a secret in a text. */
const CONCEALED = "***";

/**
 * Answers one registry's challenges: basic, or bearer with the tokens of a token server, one a scope, renewed when they
 * expire. Nothing is sent before it is asked for.
 */
export class Authorizer {
  readonly #registry: string;
  readonly #credentials: CredentialSource;
  readonly #request: TokenRequest;
  readonly #tokens = new Map<string, Token & Asked>();
  readonly #secrets = new Set<string>();
  #basic: string | undefined;

  constructor(registry: string, credentials: CredentialSource, request: TokenRequest) {
    this.#registry = registry;
    this.#credentials = credentials;
    this.#request = request;
  }

  /**
   * The `Authorization` header for a scope, as far as one is known to be wanted. A token that has expired is renewed first:
   * a large body is not to be sent in vain. Throws as {@link answer} does.
   */
  async header(scope: string): Promise<string | undefined> {
    const token = this.#tokens.get(scope);
    if (token === undefined) return this.#basic;
    return token.renewal > Date.now() ? token.header : (await this.#renew(scope, token)).header;
  }

  /**
   * Answers a 401. Gives false where there is nothing to answer it with, or where what was sent is what would be sent
   * again. Throws `notAuthorized` where the token server refuses.
   */
  async answer(challenge: string | readonly string[] | undefined, scope: string, origin: URL): Promise<boolean> {
    const challenges = parseChallenges(challenge);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) {
      await this.#renew(scope, { challenge: bearer, origin });
      return true;
    }
    if (!challenges.some(({ scheme }) => scheme === "basic") || this.#basic !== undefined) return false;
    const credential = await this.#credentials(this.#registry);
    if (credential?.kind !== "basic") return false;
    this.#basic = this.#basicHeader(credential);
    return true;
  }

  /** A text of the other side without what must not be shown, which it may have sent back. */
  conceal(text: string): string {
    let shown = text;
    for (const secret of this.#secrets) shown = shown.replaceAll(secret, CONCEALED);
    return shown;
  }

  async #renew(scope: string, { challenge, origin }: Asked): Promise<Token> {
    const token = await this.#token(challenge, scope, origin);
    this.#tokens.set(scope, { ...token, challenge, origin });
    return token;
  }

  async #token(challenge: Challenge, scope: string, origin: URL): Promise<Token> {
    const credential = await this.#credentials(this.#registry);
    if (credential?.kind === "bearer") return this.#bearer(credential.token, Number.POSITIVE_INFINITY);
    if (credential?.kind === "refresh") this.#secrets.add(credential.token);
    const realm = realmOf(challenge, origin);
    const scopes = [...new Set([scope, challenge.parameters.scope].filter((value) => value !== undefined))];
    const service = challenge.parameters.service;
    const { status, body } =
      credential?.kind === "refresh"
        ? await this.#request(realm, { form: refreshForm(credential.token, scopes, service) })
        : await this.#request(
            withScopes(realm, scopes, service),
            credential === undefined ? {} : { authorization: this.#basicHeader(credential) },
          );
    if (status !== 200)
      throw new RegistryError(
        `the request for a token at ${realm.origin}${realm.pathname}`,
        status === 400 ? 401 : status,
        parseErrorBody(body, (text) => this.conceal(text)),
      );
    const { token, seconds } = parseToken(body, realm);
    return this.#bearer(token, Date.now() + Math.max(seconds - RENEWAL_MARGIN_SECONDS, seconds / 2) * 1000);
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

function realmOf(challenge: Challenge, origin: URL): URL {
  const realm = challenge.parameters.realm;
  if (realm === undefined || !URL.canParse(realm))
    throw new ToolError("registry", `the registry ${origin.host} names no realm to get a token from`);
  const url = new URL(realm);
  if (url.protocol !== "https:" && origin.protocol === "https:")
    throw new ToolError("notAuthorized", `the registry ${origin.host} names an unsafe realm to get a token from`, {
      why: `${url.origin} is not HTTPS`,
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

function parseToken(body: Buffer, realm: URL): { token: string; seconds: number } {
  let fields: { token?: unknown; access_token?: unknown; expires_in?: unknown } | null;
  try {
    fields = JSON.parse(body.toString()) as typeof fields;
  } catch {
    throw new ToolError("registry", `the token server ${realm.origin} did not answer with JSON`);
  }
  const token = fields?.access_token ?? fields?.token;
  if (typeof token !== "string" || token === "")
    throw new ToolError("registry", `the token server ${realm.origin} answered without a token`);
  const life = fields?.expires_in;
  return { token, seconds: typeof life === "number" && life > 0 ? life : DEFAULT_TOKEN_SECONDS };
}
