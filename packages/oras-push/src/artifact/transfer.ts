import type { Log } from "shared/cli/log";
import type { Progress } from "./progress.ts";

/** How to connect to registries. */
export interface ConnectionPlan {
  /** Use plain HTTP for every registry. */
  readonly plainHttp: boolean;
  /** Do not check certificates. */
  readonly insecure: boolean;
  /** Certificate authority, PEM. */
  readonly ca: Buffer | undefined;
  /** Client certificate and its key, PEM. */
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  /** Path of a docker config, or of a folder that contains one. */
  readonly registryConfig: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Seconds for which failed requests are retried. */
  readonly retrySeconds: number;
  /** Log each request. */
  readonly debug: boolean;
}

/** How to push or pull. */
export interface TransferPlan extends ConnectionPlan {
  /** Number of layers that are transferred at the same time. */
  readonly concurrency: number;
}

/** The process that a push or a pull runs in. */
export interface TransferContext {
  readonly env: NodeJS.ProcessEnv;
  /** A signal that stops the transfer. The signal's reason is thrown. */
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly warn: Log;
  readonly progress: Progress;
}
