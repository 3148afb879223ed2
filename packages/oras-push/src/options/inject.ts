import type { CommandLine } from "shared/cli/command-line";
import { usageError } from "shared/cli/usage";
import type { ConnectionPlan } from "../artifact/transfer.ts";
import type { InjectionSettings } from "../inject/settings.ts";
import type { WebhookPlan } from "../inject/webhook/webhook.ts";
import { readOptionFile } from "./file.ts";
import { INJECT_USAGE } from "./inject-usage.ts";

/** The argument that means stdin. */
export const STDIN = "-";

/** A parsed command line of `oras-push inject`. */
export interface InjectPlan {
  /** The paths of the manifests. The path {@link STDIN} means stdin. The list is never empty. */
  readonly files: readonly string[];
  readonly settings: InjectionSettings;
  /** Whether to print only the changes. */
  readonly dryRun: boolean;
  /**
   * How to connect to registries. If a container has no command, `oras-push inject` reads the command of the
   * container's image from the registry.
   */
  readonly connection: ConnectionPlan;
  /** How to serve the webhook. Undefined if `--webhook` is not given. */
  readonly webhook: WebhookPlan | undefined;
}

/**
 * Converts a command line of `oras-push inject` into a plan. Throws a usage failure if the command line is invalid.
 * Throws `noInput` if an option names a file that cannot be read.
 */
export function injectPlan(line: CommandLine<typeof INJECT_USAGE.options>): InjectPlan {
  const { args, options } = line;
  const settings: InjectionSettings = { image: options.image, delivery: options.tools };
  return {
    files: args.length === 0 ? [STDIN] : args,
    settings,
    webhook: options.webhook ? webhookPlan(line, settings) : undefined,
    dryRun: options["dry-run"],
    connection: {
      plainHttp: options["plain-http"],
      insecure: options.insecure,
      ca: readOptionFile(options["ca-file"]),
      cert: undefined,
      key: undefined,
      registryConfig: options["registry-config"],
      username: undefined,
      password: undefined,
      retrySeconds: options["retry-for"],
      debug: options.debug,
    },
  };
}

function webhookPlan(
  { args, options }: CommandLine<typeof INJECT_USAGE.options>,
  settings: InjectionSettings,
): WebhookPlan {
  if (args.length > 0) throw usageError(INJECT_USAGE, "--webhook takes no FILE");
  if (options["dry-run"]) throw usageError(INJECT_USAGE, "--webhook and --dry-run cannot be used together");
  const { listen, "tls-dir": certificates } = options;
  const [, bracketed, plain, port = ""] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(listen) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535)
    throw usageError(INJECT_USAGE, `--listen must be HOST:PORT, not ${JSON.stringify(listen)}`);
  return { settings, host, port: Number(port), certificates };
}
