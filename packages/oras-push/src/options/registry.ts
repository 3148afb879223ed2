import { readFileSync } from "node:fs";
import { type OptionSpecs, type OptionValues, type Usage, usageError } from "shared/cli/command-line";
import type { TransferPlan } from "../artifact/transfer.ts";
import { readOptionFile } from "./file.ts";

/** Layers that are sent or fetched at the same time, as in `oras`. */
const DEFAULT_CONCURRENCY = 3;

/** The options of every command that speaks to a registry. */
export const REGISTRY_OPTIONS = {
  "plain-http": { type: "flag", describe: "speak plain HTTP; the default for localhost, loopback and *.svc names" },
  insecure: { type: "flag", describe: "do not check certificates; plain HTTP where the registry speaks no TLS" },
  "ca-file": { type: "text", value: "FILE", describe: "certificate authority of the registry, PEM" },
  "cert-file": { type: "text", value: "FILE", describe: "client certificate, PEM" },
  "key-file": { type: "text", value: "FILE", describe: "key of the client certificate, PEM" },
  "registry-config": { type: "text", value: "FILE", describe: "docker config with credentials, or a folder with one" },
  username: { type: "text", alias: "u", value: "NAME", describe: "user at the registry (also ORAS_USER)" },
  "password-stdin": { type: "flag", describe: "read the password from stdin" },
  "retry-for": {
    type: "number",
    value: "SECONDS",
    describe: "how long a request that fails is tried again (30, a sidecar 120)",
  },
  concurrency: { type: "number", value: "N", default: DEFAULT_CONCURRENCY, describe: "layers at the same time" },
  format: { type: "text", choices: ["text", "json"], default: "text", describe: "text|json: the result on stdout" },
  "termination-message": {
    type: "text",
    value: "FILE",
    default: "/dev/termination-log",
    describe: "write reference and digest here if the file exists",
  },
} as const satisfies OptionSpecs;

/** What the help of every command says of credentials. */
export const CREDENTIALS_NOTE: string = [
  "Credentials: --username with --password-stdin; ORAS_USER with ORAS_PUSH_PASS or ORAS_PULL_PASS; or a docker config",
  "(--registry-config, $DOCKER_CONFIG, ~/.docker), also one mounted as .dockerconfigjson. Never on the command line.",
].join("\n");

/** What the help of every command says of the way to a registry. */
export const NETWORK_NOTE: string = [
  "Proxies: HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Certificate authorities: the system's (SSL_CERT_FILE, SSL_CERT_DIR, else",
  "the usual places) and those that the tool brings; with --ca-file that one alone.",
].join("\n");

/** What the help of every command says of its end. */
export const EXIT_NOTE: string = [
  "Exit codes: 0 done, 64 usage, 66 a path is missing or unreadable, 69 the registry cannot be reached, 73 an output",
  "cannot be written, 76 the registry answered with an error, 77 not authorised, 124 timed out, 128 + n signal n.",
].join("\n");

/** The parsed {@link REGISTRY_OPTIONS}. */
export interface RegistryPlan extends TransferPlan {
  /** Format of the result: `text` or `json`. */
  readonly format: string;
  /** Path of the termination message. */
  readonly terminationMessage: string;
}

/** What the options of {@link REGISTRY_OPTIONS} ask for; throws a usage failure, or `noInput` for a file that can't be read. */
export function registryPlan(
  usage: Usage<OptionSpecs>,
  options: OptionValues<typeof REGISTRY_OPTIONS> & { readonly debug: boolean },
): RegistryPlan {
  if ((options["cert-file"] === undefined) !== (options["key-file"] === undefined))
    throw usageError(usage, "--cert-file and --key-file go together");
  if (options["password-stdin"] && options.username === undefined)
    throw usageError(usage, "--password-stdin goes with --username");
  if (!Number.isInteger(options.concurrency) || options.concurrency < 1)
    throw usageError(usage, "--concurrency is a whole number from 1");
  return {
    plainHttp: options["plain-http"],
    insecure: options.insecure,
    ca: readOptionFile(options["ca-file"]),
    cert: readOptionFile(options["cert-file"]),
    key: readOptionFile(options["key-file"]),
    registryConfig: options["registry-config"],
    username: options.username,
    password: options["password-stdin"] ? readFileSync(0, "utf8").replace(/\r?\n$/, "") : undefined,
    retrySeconds: options["retry-for"],
    concurrency: options.concurrency,
    format: options.format,
    terminationMessage: options["termination-message"],
    debug: options.debug,
  };
}
