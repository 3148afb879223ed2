import { oneLine, ToolError } from "shared/cli/tool-error";
import { type ErrorAnswer, isAccessDenied } from "./access-denied.ts";

/** The maximum number of bytes to read from an error response. */
export const MAX_ERROR_BYTES: number = 64 << 10;

/** Facts that a {@link RegistryError} needs in addition to the response. */
export interface RegistryErrorFacts {
  /**
   * A text that describes the refused credentials, such as `bob was refused`. Undefined if the registry did not request
   * credentials.
   */
  readonly refused?: string | undefined;
  /** The statuses that the request expected. */
  readonly expected?: readonly number[];
}

/** An error response of a registry (distribution-spec, "Error Codes"). */
export class RegistryError extends ToolError {
  /** The HTTP status. */
  readonly status: number;
  /** The error code in the response, such as `MANIFEST_BLOB_UNKNOWN`. Undefined if the response has no code. */
  readonly registryCode: string | undefined;
  /**
   * The delay that the registry requested before a retry, in milliseconds. Undefined if the registry requested no
   * delay.
   */
  readonly retryAfter: number | undefined;

  constructor(
    request: string,
    status: number,
    answer: ErrorAnswer,
    retryAfter?: number,
    { refused, expected = [] }: RegistryErrorFacts = {},
  ) {
    const denied = isAccessDenied(status, answer);
    const success = status < 400 && expected.length > 0 ? `expected ${expected.join(" or ")}` : undefined;
    const why = [denied ? refused : undefined, success, answer.code, answer.message].filter(Boolean).join(": ");
    const hint = denied ? credentialsHint(refused) : hintFor(status, answer);
    super(denied ? "notAuthorized" : "registry", `the registry returned ${status} for ${request}`, {
      ...(why === "" ? {} : { why }),
      ...(hint === undefined ? {} : { hint }),
    });
    this.status = status;
    this.registryCode = answer.code;
    this.retryAfter = retryAfter;
  }
}

const NO_CREDENTIALS =
  "set credentials: use --username, a docker config, or ORAS_USER with ORAS_PUSH_PASS or ORAS_PULL_PASS";

function credentialsHint(refused: string | undefined): string {
  return refused === undefined || refused.startsWith("no ")
    ? NO_CREDENTIALS
    : "check the user, the password or token (--username, ORAS_USER, docker config), and the rights in the repository";
}

function hintFor(status: number, { message = "" }: ErrorAnswer): string | undefined {
  if (status < 400) return "check the address of the registry: another web server may have responded";
  if (status === 413) return "if a proxy in front of the registry limits the size of requests, raise this limit";
  if (status !== 400) return undefined;
  if (/certificate/i.test(message)) return "see --cert-file and --key-file";
  return /\bHTTPS\b/i.test(message) ? "the registry uses TLS: see --plain-http=false and --ca-file" : undefined;
}

interface ErrorFields {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly detail?: unknown;
  readonly details?: unknown;
  readonly error?: unknown;
}

/**
 * Parses the code and the message from the body of an error response. The function `conceal` removes secrets from a
 * text. If the body is not JSON, the first words of the body become the message.
 */
export function parseErrorBody(body: Buffer, conceal: (text: string) => string = (text) => text): ErrorAnswer {
  const text = body.toString();
  const shown = (said: string, length: number) => oneLine(conceal(said)).slice(0, length);
  try {
    const answer = JSON.parse(text) as { errors?: ErrorFields[] } & ErrorFields;
    // An error response of a token server or a reverse proxy has no `errors` list. The whole body of such a response
    // describes one error.
    const first = answer.errors?.[0] ?? answer;
    const words = [first.message ?? first.details ?? first.error, first.detail];
    const message = words.filter((word) => typeof word === "string" && word !== "").join(": ");
    return {
      ...(typeof first.code === "string" ? { code: shown(first.code, 100) } : {}),
      ...(message === "" ? {} : { message: shown(message, 300) }),
    };
  } catch {
    const words = oneLine(conceal(text.replace(/<[^>]*>/g, " ")))
      .replace(/(\\n|\\r|\\t|\s)+/g, " ")
      .trim();
    return words === "" ? {} : { message: words.slice(0, 120) };
  }
}
