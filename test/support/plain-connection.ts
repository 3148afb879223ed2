import type { ConnectionPlan } from "oras-push/artifact/transfer";

/** The plan of a connection without options and without retries. */
export const PLAIN_CONNECTION: ConnectionPlan = {
  plainHttp: undefined,
  insecure: false,
  ca: undefined,
  cert: undefined,
  key: undefined,
  registryConfig: undefined,
  username: undefined,
  password: undefined,
  retrySeconds: 0,
  debug: false,
};
