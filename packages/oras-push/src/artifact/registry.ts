import { VERSION } from "shared/cli/cli";
import type { Log } from "shared/cli/log";
import { type Credential, type CredentialSource, dockerCredentials } from "../oci/auth/credentials.ts";
import { DEFAULT_RETRY } from "../oci/http/retry.ts";
import { Transport } from "../oci/http/transport.ts";
import type { Reference } from "../oci/reference.ts";
import { type Access, Repository } from "../oci/repository.ts";
import type { RegistryPlan } from "../options/registry.ts";

/** What a connection to a registry needs beside the plan. */
export interface RegistryContext {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly warn: Log;
  readonly debug: Log;
  /** Seconds that failures are met with another try where the user does not say. */
  readonly retrySeconds?: number;
}

/** The repository of a reference, spoken to as the user wants; nothing is sent yet. */
export function openRepository(
  reference: Reference,
  access: Access,
  plan: RegistryPlan,
  context: RegistryContext,
): Repository {
  const deadlineSeconds = plan.retrySeconds ?? context.retrySeconds ?? DEFAULT_RETRY.deadlineSeconds;
  const transport = new Transport(reference.registry, {
    ...plan,
    ...context,
    debug: plan.debug ? context.debug : () => {},
    credentials: credentialSource(access, plan, context),
    retry: { ...DEFAULT_RETRY, deadlineSeconds },
    userAgent: `oras-push/${VERSION}`,
  });
  return new Repository(transport, reference.repository, access);
}

/** Credentials in their order: the command line's, the operator's own variables, then the docker config's. */
function credentialSource(access: Access, plan: RegistryPlan, { env, signal }: RegistryContext): CredentialSource {
  const password = plan.password ?? (access === "pull" ? env.ORAS_PULL_PASS : env.ORAS_PUSH_PASS);
  const username = plan.username ?? env.ORAS_USER;
  if (password === undefined || password === "") return dockerCredentials(plan.registryConfig, { env, signal });
  const credential: Credential = username
    ? { kind: "basic", username, password }
    : { kind: "refresh", token: password };
  return () => Promise.resolve(credential);
}
