import type { CommandLine } from "shared/cli/command-line";
import type { ConnectionPlan } from "../artifact/transfer.ts";
import type { InjectionSettings } from "../inject/settings.ts";
import { readOptionFile } from "./file.ts";
import type { INJECT_USAGE } from "./inject-usage.ts";

/** The argument that means stdin. */
export const STDIN = "-";

/** A parsed command line of `oras-push inject`. */
export interface InjectPlan {
  /** The paths of the manifests; {@link STDIN} for stdin. The list is never empty. */
  readonly files: readonly string[];
  readonly settings: InjectionSettings;
  /** Whether to print only the changes. */
  readonly dryRun: boolean;
  /** How to connect to the registries of images without a command. */
  readonly connection: ConnectionPlan;
}

/** Converts a command line of `oras-push inject` into a plan. Throws `noInput` if a file of an option is unreadable. */
export function injectPlan({ args, options }: CommandLine<typeof INJECT_USAGE.options>): InjectPlan {
  return {
    files: args.length === 0 ? [STDIN] : args,
    settings: { image: options.image, delivery: options.tools },
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
