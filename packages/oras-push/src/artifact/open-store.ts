import { VERSION } from "shared/cli/version";
import type { Access, ArtifactStore } from "../oci/artifact-store.ts";
import type { Credential, CredentialSource } from "../oci/auth/credential.ts";
import { dockerCredentials } from "../oci/auth/docker-config.ts";
import { withoutNewline } from "../oci/auth/password.ts";
import { Connections } from "../oci/http/connections.ts";
import { DEFAULT_RETRY } from "../oci/http/retry.ts";
import { Transport } from "../oci/http/transport.ts";
import { openLayout } from "../oci/layout/layout.ts";
import { type AnyReference, formatReference, type Reference } from "../oci/reference.ts";
import { listRepositories } from "../oci/registry.ts";
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

/** Opens the repositories and registries of one command. All requests of the command share the same connections. */
export interface StoreOpener {
  /** Does the same as {@link openStore}, but uses the shared connections. */
  open(reference: AnyReference, access: Access): Promise<ArtifactStore>;
  /** Lists the repositories of a registry. See {@link listRepositories}. */
  listRepositories(registry: string): Promise<string[]>;
}

/** Creates a {@link StoreOpener}. Use an opener if a command reads many repositories. */
export function storeOpener(plan: ConnectionPlan, context: TransferContext): StoreOpener {
  // Node reads variables from a copy of the environment much faster than from the original object.
  const connections = new Connections({ ...plan, env: { ...context.env } });
  return {
    open: async (reference, access) => {
      if ("layout" in reference) return openLayout(reference.layout, access, context.signal);
      return openRepository(reference, access, plan, context, connections);
    },
    listRepositories: (registry) =>
      listRepositories(transportOf(registry, credentialSource("pull", plan, context), plan, context, connections)),
  };
}

function openRepository(
  { registry, repository }: Reference,
  access: Access,
  plan: ConnectionPlan,
  context: TransferContext,
  connections?: Connections,
): Repository {
  const credentials = credentialSource(access, plan, context, repository);
  return new Repository(transportOf(registry, credentials, plan, context, connections), repository, access);
}

function transportOf(
  registry: string,
  credentials: CredentialSource,
  plan: ConnectionPlan,
  context: TransferContext,
  connections: Connections | undefined,
): Transport {
  return new Transport(registry, {
    ...plan,
    ...context,
    connections,
    debug: plan.debug ? context.log : () => {},
    credentials,
    retry: { ...DEFAULT_RETRY, deadlineSeconds: plan.retrySeconds },
    userAgent: `oras-push/${VERSION}`,
  });
}

/**
 * Returns the source of the credentials for a registry. The command line has priority over the variables of the ORAS
 * Operator. If neither contains a password, the source is the docker config.
 */
function credentialSource(
  access: Access,
  plan: ConnectionPlan,
  { env, signal }: TransferContext,
  repository?: string,
): CredentialSource {
  const variable = access === "pull" ? env.ORAS_PULL_PASS : env.ORAS_PUSH_PASS;
  const password = withoutNewline(plan.password ?? variable ?? "");
  const username = withoutNewline(plan.username ?? env.ORAS_USER ?? "");
  if (password === "") return dockerCredentials(plan.registryConfig, { env, signal }, repository);
  const credential: Credential =
    username === "" ? { kind: "refresh", token: password } : { kind: "basic", username, password };
  return () => Promise.resolve(credential);
}
