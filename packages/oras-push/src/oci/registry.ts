import { ToolError } from "shared/cli/tool-error";
import type { Transport } from "./http/transport.ts";
import { listNames } from "./name-list.ts";
import { RegistryError } from "./registry-error.ts";

/** If a response has one of these status codes, the registry does not list its repositories for this user. */
const REFUSED: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 501]);

/**
 * Lists the repositories of a registry. The distribution specification does not define this list, but most registries
 * return it at the path `/v2/_catalog`. Throws `notAuthorized` or `registry` if the registry refuses the list.
 */
export async function listRepositories(transport: Transport): Promise<string[]> {
  const list = { path: "/v2/_catalog", scope: "registry:catalog:*", field: "repositories", none: [] } as const;
  try {
    return await listNames(transport, list);
  } catch (error) {
    if (!(error instanceof RegistryError) || !REFUSED.has(error.status)) throw error;
    throw new ToolError(error.code, `the registry ${transport.registry} does not list its repositories`, {
      why: error.why === undefined ? error.message : `${error.message}: ${error.why}`,
      hint: "write the name of each repository, as in localhost:5000/metric/hwloc",
      cause: error,
    });
  }
}
