import { VERSION } from "shared/cli/version";
import type { Access, ArtifactStore } from "../oci/artifact-store.ts";
import type { Credential, CredentialSource } from "../oci/auth/credential.ts";
import { dockerCredentials } from "../oci/auth/docker-config.ts";
import { withoutNewline } from "../oci/auth/password.ts";
import { DEFAULT_RETRY } from "../oci/http/retry.ts";
import { Transport } from "../oci/http/transport.ts";
import { openLayout } from "../oci/layout/layout.ts";
import { type AnyReference, formatReference, type Reference } from "../oci/reference.ts";
import { Repository } from "../oci/repository.ts";
import type { ConnectionPlan, TransferContext } from "./transfer.ts";

/**
 * Opens the repository or the OCI layout of a reference. Opening a repository sends no request. Throws the errors of
 * {@link openLayout}.
 */
export async function openStore(
  reference: AnyReference,
  access: Access,
  plan: ConnectionPlan,
  context: TransferContext,
): Promise<ArtifactStore> {
  if ("layout" in reference) return openLayout(reference.layout, access, context.signal);
  return openRepository(reference, access, plan, context);
}

/** Groups references by their store. The references in each group keep their order. */
export function groupByStore(references: readonly AnyReference[]): readonly AnyReference[][] {
  const groups = Map.groupBy(references, (reference) =>
    formatReference({ ...reference, tag: undefined, digest: undefined }),
  );
  return [...groups.values()];
}

function openRepository(
  reference: Reference,
  access: Access,
  plan: ConnectionPlan,
  context: TransferContext,
): Repository {
  const transport = new Transport(reference.registry, {
    ...plan,
    ...context,
    debug: plan.debug ? context.log : () => {},
    credentials: credentialSource(access, plan, context, reference.repository),
    retry: { ...DEFAULT_RETRY, deadlineSeconds: plan.retrySeconds },
    userAgent: `oras-push/${VERSION}`,
  });
  return new Repository(transport, reference.repository, access);
}

/**
 * Returns the source of the credentials for a registry. The command line has priority over the variables of the ORAS
 * Operator. If neither contains a password, the source is the docker config.
 */
function credentialSource(
  access: Access,
  plan: ConnectionPlan,
  { env, signal }: TransferContext,
  repository: string,
): CredentialSource {
  const variable = access === "pull" ? env.ORAS_PULL_PASS : env.ORAS_PUSH_PASS;
  const password = withoutNewline(plan.password ?? variable ?? "");
  const username = withoutNewline(plan.username ?? env.ORAS_USER ?? "");
  if (password === "") return dockerCredentials(plan.registryConfig, { env, signal }, repository);
  const credential: Credential =
    username === "" ? { kind: "refresh", token: password } : { kind: "basic", username, password };
  return () => Promise.resolve(credential);
}
