import { type FailureFacts, oneLine, ToolError } from "shared/cli/tool-error";

/** The longest body of an error answer that is read, in bytes. */
export const MAX_ERROR_BYTES: number = 64 << 10;

/** A registry's refusal, with what it said of it (distribution-spec, "Error Codes"). */
export class RegistryError extends ToolError {
  /** The HTTP status. */
  readonly status: number;
  /** The registry's own code, such as `MANIFEST_BLOB_UNKNOWN`, where it gave one. */
  readonly registryCode: string | undefined;
  /** Milliseconds that the registry asked to be left alone for. */
  readonly retryAfter: number | undefined;

  constructor(
    request: string,
    status: number,
    answer: { readonly code?: string | undefined; readonly message?: string | undefined },
    retryAfter?: number,
  ) {
    const refused = status === 401 || status === 403;
    const what = [answer.code, answer.message].filter(Boolean).join(": ");
    super(refused ? "notAuthorised" : "registry", `the registry answered ${status} to ${request}`, {
      ...(what === "" ? {} : { why: what }),
      ...(refused ? { hint: CREDENTIALS_HINT } : {}),
    } satisfies FailureFacts);
    this.status = status;
    this.registryCode = answer.code;
    this.retryAfter = retryAfter;
  }
}

const CREDENTIALS_HINT =
  "credentials come from --username, ORAS_USER with ORAS_PUSH_PASS or ORAS_PULL_PASS, or a docker config";

interface ErrorFields {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly details?: unknown;
  readonly error?: unknown;
}

/**
 * Code and message from the body of an error answer, as they may be shown: `conceal` takes out what is secret. A body that is
 * not the specification's JSON gives its first words.
 */
export function parseErrorBody(
  body: Buffer,
  conceal: (text: string) => string = (text) => text,
): { code?: string; message?: string } {
  const text = body.toString();
  const shown = (said: string, length: number) => oneLine(conceal(said)).slice(0, length);
  try {
    const answer = JSON.parse(text) as { errors?: ErrorFields[] } & ErrorFields;
    // Token servers, and what stands in front of registries, say it without the list.
    const first = answer.errors?.[0] ?? answer;
    const message = first.message ?? first.details ?? first.error;
    return {
      ...(typeof first.code === "string" ? { code: shown(first.code, 100) } : {}),
      ...(typeof message === "string" ? { message: shown(message, 300) } : {}),
    };
  } catch {
    const words = oneLine(conceal(text.replace(/<[^>]*>/g, " ")))
      .replace(/(\\n|\\r|\\t|\s)+/g, " ")
      .trim();
    return words === "" ? {} : { message: words.slice(0, 120) };
  }
}

/** A URL as it may be shown: no user, no password, no query, for upload states and signatures are secrets. */
export function shownUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/**
 * Where a registry sends us by a `Location` or a link, which may be relative to where it says so. Throws `registry`, without
 * showing it, for what is no URL of HTTP.
 */
export function placeNamed(target: string, at: URL): URL {
  const url = URL.canParse(target, at.href) ? new URL(target, at) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new ToolError("registry", `the registry ${at.host} sends us to what is no URL of HTTP`);
  return url;
}
