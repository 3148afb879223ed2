import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dependency } from "../dependency.ts";
import { goModule, goProgram } from "../go.ts";
import type { Cluster } from "./cluster.ts";
import { INSIDE } from "./settings.ts";

const MODULE = "sigs.k8s.io/jobset";

/** The address at which the controller answers the API server's requests. */
const WEBHOOKS = "https://127.0.0.1:9443";

interface Webhook {
  readonly clientConfig: { readonly service: { readonly path: string } };
}

interface WebhookConfiguration {
  readonly kind: string;
  readonly webhooks?: readonly Webhook[];
}

/** The controller of JobSet. */
export function jobSetController(): Dependency {
  return goProgram("jobset", "jobset", MODULE, { duration: "about 2 minutes on 2 cores" });
}

/** Installs JobSet in a cluster. JobSet's controller runs in a process of the node, not in a pod. */
export async function installJobSet(cluster: Cluster): Promise<void> {
  const module = goModule("jobset", MODULE);
  if ("missing" in module) throw new Error(module.missing);
  const components = join(module.path, "config", "components");
  const crd = join(components, "crd", "bases", "jobset.x-k8s.io_jobsets.yaml");
  // A client-side `apply` would write the definition into an annotation. The definition is too large for this.
  await cluster.kubectl("apply", "--server-side", "-f", crd);
  writeConfiguration(cluster.folder);
  const config = join(INSIDE.state, "jobset", "config.json");
  const options = [`--config=${config}`, `--kubeconfig=${INSIDE.state}/admin.conf`];
  cluster.node.start("jobset", [join(INSIDE.programs, "jobset"), ...options]);
  const rendered = await cluster.kubectl("kustomize", join(components, "webhook"));
  const create = ["create", "--dry-run=client", "-o", "json", "-f", "-"];
  const { stdout, stderr, code } = await cluster.startKubectl(create, rendered).ended;
  if (code !== 0) throw new Error(`cannot read JobSet's webhooks: ${stderr}`);
  const configurations = webhookConfigurations(stdout);
  const webhooks = configurations.flatMap(({ webhooks = [] }) => webhooks);
  for (const { clientConfig } of webhooks) await untilAnswered(cluster, clientConfig.service.path);
  await cluster.create(...webhooksByUrl(configurations, cluster.folder));
}

function writeConfiguration(folder: string): void {
  const own = join(folder, "jobset");
  mkdirSync(own);
  for (const [from, to] of [
    ["kube-apiserver.crt", "tls.crt"],
    ["kube-apiserver.key", "tls.key"],
  ] as const)
    copyFileSync(join(folder, "pki", from), join(own, to));
  const configuration = {
    apiVersion: "config.jobset.x-k8s.io/v1alpha1",
    kind: "Configuration",
    leaderElection: { leaderElect: false },
    internalCertManagement: { enable: false },
    webhook: { host: "127.0.0.1", port: 9443, certDir: join(INSIDE.state, "jobset") },
    metrics: { bindAddress: "0" },
    health: { healthProbeBindAddress: "0" },
  };
  writeFileSync(join(own, "config.json"), JSON.stringify(configuration));
}

/**
 * Waits until the controller has added the webhook at a path. Before it has added the webhook, the controller does not
 * listen, or answers with the HTTP status 404. Throws after 30 seconds.
 */
async function untilAnswered(cluster: Cluster, path: string): Promise<void> {
  const options = '{ method: "POST", rejectUnauthorized: false }';
  const exit = "({ statusCode }) => process.exit(statusCode === 404 ? 1 : 0)";
  const probe = `require("node:https").request("${WEBHOOKS}${path}", ${options}, ${exit}).end()`;
  for (let attempt = 0; ; attempt++) {
    try {
      await cluster.node.exec(process.execPath, "--eval", probe);
      return;
    } catch (error) {
      if (attempt === 60) throw error;
      await sleep(500);
    }
  }
}

function webhookConfigurations(text: string): WebhookConfiguration[] {
  // kubectl prints several JSON objects without commas between them.
  const objects = JSON.parse(`[${text.replaceAll(/^\}\n\{/gm, "},\n{")}]`) as WebhookConfiguration[];
  return objects
    .flatMap((object) =>
      object.kind === "List" ? (object as unknown as { items: WebhookConfiguration[] }).items : object,
    )
    .filter(({ kind }) => kind.endsWith("WebhookConfiguration"));
}

/**
 * Makes the API server call the webhooks by URL. JobSet's manifests name a Service instead. But a Service needs a pod,
 * and the controller is not in a pod.
 */
function webhooksByUrl(configurations: readonly WebhookConfiguration[], folder: string): object[] {
  const caBundle = readFileSync(join(folder, "pki", "ca.crt")).toString("base64");
  return configurations.map((object) => ({
    ...object,
    webhooks: object.webhooks?.map(({ clientConfig, ...webhook }) => ({
      ...webhook,
      clientConfig: { url: `${WEBHOOKS}${clientConfig.service.path}`, caBundle },
    })),
  }));
}
