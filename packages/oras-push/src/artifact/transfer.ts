import type { Log } from "shared/cli/log";
import type { Progress } from "./progress.ts";

/** How to connect to registries. */
export interface ConnectionPlan {
  /** Whether to use plain HTTP. If undefined, plain HTTP is used only for local registries. */
  readonly plainHttp: boolean | undefined;
  /** Whether to skip the check of certificates. */
  readonly insecure: boolean;
  /** The certificate authority, in PEM format. */
  readonly ca: Buffer | undefined;
  /** The client certificate, in PEM format. */
  readonly cert: Buffer | undefined;
  /** The key of the client certificate, in PEM format. */
  readonly key: Buffer | undefined;
  /** Path of a docker config, or of a folder that contains a docker config. */
  readonly registryConfig: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The time in seconds during which a failed request is retried. */
  readonly retrySeconds: number;
  /** Whether to log each request. */
  readonly debug: boolean;
}

/** How to push or pull. */
export interface TransferPlan extends ConnectionPlan {
  /** Number of layers that are transferred at the same time. */
  readonly concurrency: number;
}

/** The environment in which a push or a pull runs. */
export interface TransferContext {
  readonly env: NodeJS.ProcessEnv;
  /** A signal that stops the transfer. The transfer then throws the signal's reason. */
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly warn: Log;
  readonly progress: Progress;
}
