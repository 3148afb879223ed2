import { readFileSync } from "node:fs";
import type { GivenOptions } from "shared/cli/command-line";
import { type OptionSpecs, wholeNumbers } from "shared/cli/option-specs";
import { type Usage, usageError } from "shared/cli/usage";
import type { TransferPlan } from "../artifact/transfer.ts";
import { withoutNewline } from "../oci/auth/password.ts";
import { readOptionFile } from "./file.ts";

/** The default number of layers that are transferred at the same time. `oras` has the same default. */
const DEFAULT_CONCURRENCY = 3;

/** The default of `--retry-for`, in seconds. */
const DEFAULT_RETRY_SECONDS = 30;

/** The options of every command that connects to a registry. */
export const REGISTRY_OPTIONS = {
  "plain-http": {
    type: "flag",
    switch: true,
    description:
      "use plain HTTP; --plain-http=false means HTTPS (default: HTTP only for localhost, loopback and *.svc names)",
  },
  insecure: {
    type: "flag",
    description: "do not verify certificates; use plain HTTP if the registry does not support TLS",
  },
  "ca-file": { type: "text", placeholder: "FILE", description: "trust only this certificate authority (PEM)" },
  "cert-file": { type: "text", placeholder: "FILE", description: "send this client certificate (PEM) to the registry" },
  "key-file": { type: "text", placeholder: "FILE", description: "private key (PEM) of the client certificate" },
  "registry-config": {
    type: "text",
    placeholder: "FILE",
    description: "docker config with credentials, or a folder with a docker config",
  },
  username: {
    type: "text",
    alias: "u",
    placeholder: "NAME",
    description: "user name for the registry; you can also set it with ORAS_USER",
  },
  "password-stdin": { type: "flag", description: "read the password from stdin" },
  "retry-for": {
    type: "number",
    placeholder: "SECONDS",
    default: DEFAULT_RETRY_SECONDS,
    description: "if a request fails or gets no response, retry it for this long",
  },
  concurrency: {
    type: "number",
    placeholder: "N",
    default: DEFAULT_CONCURRENCY,
    range: wholeNumbers(1),
    description: "transfer up to N layers at the same time",
  },
} as const satisfies OptionSpecs;

/** The options that say how a command reports its result. */
export const RESULT_OPTIONS = {
  format: { type: "text", choices: ["text", "json"], default: "text", description: "format of the result on stdout" },
  "termination-message": {
    type: "text",
    placeholder: "FILE",
    default: "/dev/termination-log",
    description: "also write the reference and the digest to FILE, if FILE exists",
  },
} as const satisfies OptionSpecs;

/** The option for the progress of a push or a pull. */
export const PROGRESS_OPTION = {
  "no-tty": { type: "flag", description: "show plain lines instead of progress bars" },
} as const satisfies OptionSpecs;

/** The parsed {@link REGISTRY_OPTIONS} and {@link RESULT_OPTIONS}. */
export interface RegistryPlan extends TransferPlan {
  /** The format of the result: `text` or `json`. */
  readonly format: string;
  /** The path of the file for the termination message. */
  readonly terminationMessage: string;
}

/** The name of an environment variable that can contain the password for the registry. */
export type PasswordVariable = "ORAS_PUSH_PASS" | "ORAS_PULL_PASS";

/**
 * The environment of a command, and the names of the variables that can contain a password. With `--password-stdin`,
 * the command reads the password from stdin and ignores these variables.
 */
export interface PasswordSource {
  readonly env: NodeJS.ProcessEnv;
  readonly variables: readonly PasswordVariable[];
}

/**
 * Converts the values of {@link REGISTRY_OPTIONS} and {@link RESULT_OPTIONS} into a plan. Throws a usage failure if a
 * value is invalid, or `noInput` if a file cannot be read.
 */
export function registryPlan(
  usage: Usage<OptionSpecs>,
  options: GivenOptions<typeof REGISTRY_OPTIONS & typeof RESULT_OPTIONS>,
  passwords: PasswordSource,
): RegistryPlan {
  return {
    ...transferPlan(usage, options, passwords),
    format: options.format,
    terminationMessage: options["termination-message"],
  };
}

/** Converts the values of {@link REGISTRY_OPTIONS} into a plan. Throws the errors of {@link registryPlan}. */
export function transferPlan(
  usage: Usage<OptionSpecs>,
  options: GivenOptions<typeof REGISTRY_OPTIONS>,
  passwords: PasswordSource,
): TransferPlan {
  const { concurrency, username } = options;
  if ((options["cert-file"] === undefined) !== (options["key-file"] === undefined))
    throw usageError(usage, "--cert-file and --key-file must be used together");
  if (username !== undefined && !options["password-stdin"]) checkPasswords(usage, username, passwords);
  if (options["password-stdin"] && username === undefined) throw usageError(usage, "--password-stdin needs --username");
  return {
    plainHttp: options["plain-http"],
    insecure: options.insecure,
    ca: readOptionFile(options["ca-file"]),
    cert: readOptionFile(options["cert-file"]),
    key: readOptionFile(options["key-file"]),
    registryConfig: options["registry-config"],
    username,
    password: options["password-stdin"] ? passwordOnStdin(usage) : undefined,
    retrySeconds: options["retry-for"],
    concurrency,
    debug: options.debug,
  };
}

function checkPasswords(usage: Usage<OptionSpecs>, username: string, { env, variables }: PasswordSource): void {
  const missing = variables.filter((name) => withoutNewline(env[name] ?? "") === "");
  if (missing.length > 0 && missing.length === variables.length)
    throw usageError(
      usage,
      `--username ${username} has no password: expected --password-stdin or ${missing.join(" and ")}`,
    );
}

function passwordOnStdin(usage: Usage<OptionSpecs>): string {
  const password = withoutNewline(readFileSync(0, "utf8"));
  if (password === "") throw usageError(usage, "--password-stdin: expected a password on stdin, found nothing");
  return password;
}
