import { type FailureFacts, oneLine, ToolError } from "shared/cli/tool-error";

/** The maximum number of bytes to read from an error response. */
export const MAX_ERROR_BYTES: number = 64 << 10;

/** An error response of a registry (distribution-spec, "Error Codes"). */
export class RegistryError extends ToolError {
  /** The HTTP status. */
  readonly status: number;
  /** The error code of the registry, such as `MANIFEST_BLOB_UNKNOWN`; undefined if it gave none. */
  readonly registryCode: string | undefined;
  /** The delay that the registry asked for before the next request, in milliseconds. */
  readonly retryAfter: number | undefined;

  constructor(
    request: string,
    status: number,
    answer: { readonly code?: string | undefined; readonly message?: string | undefined },
    retryAfter?: number,
  ) {
    const refused = status === 401 || status === 403;
    const what = [answer.code, answer.message].filter(Boolean).join(": ");
    super(refused ? "notAuthorized" : "registry", `the registry returned ${status} for ${request}`, {
      ...(what === "" ? {} : { why: what }),
      ...(refused ? { hint: CREDENTIALS_HINT } : {}),
    } satisfies FailureFacts);
    this.status = status;
    this.registryCode = answer.code;
    this.retryAfter = retryAfter;
  }
}

const CREDENTIALS_HINT =
  "set credentials with --username, ORAS_USER with ORAS_PUSH_PASS or ORAS_PULL_PASS, or a docker config";

interface ErrorFields {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly details?: unknown;
  readonly error?: unknown;
}

/**
 * Parses code and message from the body of an error response. `conceal` removes secrets. If the body is not the JSON of
 * the specification, the message is the beginning of its text.
 */
export function parseErrorBody(
  body: Buffer,
  conceal: (text: string) => string = (text) => text,
): { code?: string; message?: string } {
  const text = body.toString();
  const shown = (said: string, length: number) => oneLine(conceal(said)).slice(0, length);
  try {
    const answer = JSON.parse(text) as { errors?: ErrorFields[] } & ErrorFields;
    // Token servers and reverse proxies omit the list.
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
