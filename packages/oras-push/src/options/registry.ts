import { readFileSync } from "node:fs";
import type { GivenOptions } from "shared/cli/command-line";
import type { OptionSpecs } from "shared/cli/option-specs";
import { type Usage, usageError } from "shared/cli/usage";
import type { TransferPlan } from "../artifact/transfer.ts";
import { readOptionFile } from "./file.ts";

/** The number of layers that are transferred at the same time, as in `oras`. */
const DEFAULT_CONCURRENCY = 3;

/** The default of `--retry-for`, in seconds. */
const DEFAULT_RETRY_SECONDS = 30;

/** The options of every command that connects to a registry. */
export const REGISTRY_OPTIONS = {
  "plain-http": { type: "flag", description: "use plain HTTP; the default for localhost, loopback and *.svc names" },
  insecure: {
    type: "flag",
    description: "do not verify certificates; use plain HTTP if the registry does not support TLS",
  },
  "ca-file": { type: "text", placeholder: "FILE", description: "trust only this certificate authority (PEM)" },
  "cert-file": { type: "text", placeholder: "FILE", description: "client certificate (PEM)" },
  "key-file": { type: "text", placeholder: "FILE", description: "private key of the client certificate (PEM)" },
  "registry-config": {
    type: "text",
    placeholder: "FILE",
    description: "docker config with credentials, or a folder that contains one",
  },
  username: {
    type: "text",
    alias: "u",
    placeholder: "NAME",
    description: "user name at the registry (also ORAS_USER)",
  },
  "password-stdin": { type: "flag", description: "read the password from stdin" },
  "retry-for": {
    type: "number",
    placeholder: "SECONDS",
    default: DEFAULT_RETRY_SECONDS,
    description: "retry a failed request for this time",
  },
  concurrency: {
    type: "number",
    placeholder: "N",
    default: DEFAULT_CONCURRENCY,
    description: "transfer up to N layers at the same time",
  },
} as const satisfies OptionSpecs;

/** The options for the result of every command that connects to a registry. */
export const RESULT_OPTIONS = {
  format: { type: "text", choices: ["text", "json"], default: "text", description: "format of the result on stdout" },
  "termination-message": {
    type: "text",
    placeholder: "FILE",
    default: "/dev/termination-log",
    description: "also write reference and digest to FILE, if it exists",
  },
} as const satisfies OptionSpecs;

/** The option for the progress of a push or a pull. */
export const PROGRESS_OPTION = {
  "no-tty": { type: "flag", description: "show plain lines instead of progress bars" },
} as const satisfies OptionSpecs;

/** The parsed {@link REGISTRY_OPTIONS} and {@link RESULT_OPTIONS}. */
export interface RegistryPlan extends TransferPlan {
  /** Format of the result: `text` or `json`. */
  readonly format: string;
  /** Path of the termination message. */
  readonly terminationMessage: string;
}

/**
 * Converts {@link REGISTRY_OPTIONS} and {@link RESULT_OPTIONS}. Throws a usage failure, or `noInput` if a file cannot be read.
 */
export function registryPlan(
  usage: Usage<OptionSpecs>,
  options: GivenOptions<typeof REGISTRY_OPTIONS & typeof RESULT_OPTIONS>,
): RegistryPlan {
  const { concurrency, username } = options;
  if ((options["cert-file"] === undefined) !== (options["key-file"] === undefined))
    throw usageError(usage, "--cert-file and --key-file must be used together");
  if (options["password-stdin"] && username === undefined) throw usageError(usage, "--password-stdin needs --username");
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw usageError(usage, `--concurrency must be a whole number from 1, not ${concurrency}`);
  return {
    plainHttp: options["plain-http"],
    insecure: options.insecure,
    ca: readOptionFile(options["ca-file"]),
    cert: readOptionFile(options["cert-file"]),
    key: readOptionFile(options["key-file"]),
    registryConfig: options["registry-config"],
    username,
    password: options["password-stdin"] ? readFileSync(0, "utf8").replace(/\r?\n$/, "") : undefined,
    retrySeconds: options["retry-for"],
    concurrency,
    format: options.format,
    terminationMessage: options["termination-message"],
    debug: options.debug,
  };
}
