import { join } from "node:path";
import type { Dependency } from "../dependency.ts";
import { goModule, goProgram } from "../go.ts";
import type { Cluster } from "./cluster.ts";
import { INSIDE } from "./settings.ts";

const MODULE = "github.com/cert-manager/cert-manager";

const NAME = "cert-manager";

/** The kinds of cert-manager's objects that a self-signed certificate needs. */
const KINDS = ["certificaterequests", "certificates", "clusterissuers", "issuers"];

/**
 * The program with those controllers of cert-manager that issue self-signed certificates. The program also contains
 * cert-manager's injector, which adds the authority of a certificate to a webhook's configuration.
 */
export function certManagerControllers(): Dependency {
  return goProgram(NAME, NAME, ".", { duration: "about 3 minutes on 2 cores" });
}

/**
 * Installs cert-manager in a cluster. The controllers of cert-manager run in a process of the node, not in pods. The
 * webhook of cert-manager, which checks the objects that users write, is not installed.
 */
export async function installCertManager(cluster: Cluster): Promise<void> {
  const module = goModule(NAME, MODULE);
  if ("missing" in module) throw new Error(module.missing);
  const files = KINDS.flatMap((kind) => ["-f", join(module.path, "deploy", "crds", `cert-manager.io_${kind}.yaml`)]);
  // A client-side `apply` would write each definition into an annotation. The definitions are too large for this.
  await cluster.kubectl("apply", "--server-side", ...files);
  await cluster.kubectl("wait", "--for=condition=established", "--timeout=60s", ...files);
  cluster.node.start(NAME, [join(INSIDE.programs, NAME), `--config=${INSIDE.state}/admin.conf`]);
}
