/**
 * The webhook of injection in a real cluster. The commands of the guide install the webhook with two replicas from the
 * image of the tools. In the first test, commands of the guide also create a Secret with the webhook's certificate. In
 * the last test, cert-manager creates this Secret. Some tests delete or kill replicas.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { installCertManager } from "../../support/cluster/cert-manager.ts";
import type { Cluster } from "../../support/cluster/cluster.ts";
import { INSIDE, PROGRAMS } from "../../support/cluster/settings.ts";
import { runTool } from "../../support/tools.ts";
import { annotatedJob, operatorAnnotations } from "../support/annotated-job.ts";
import { CLUSTER_SKIP, NAMESPACE, podStates, startTestCluster, waitForJob, waitForState } from "../support/cluster.ts";
import { forwardRegistry, startRegistry } from "../support/cluster-registries.ts";
import { blocksOfSection } from "../support/guide/section.ts";
import { MANIFESTS } from "../support/kubernetes.ts";
import { temporaryFolder } from "../support/temporary.ts";

const OWN_NAMESPACE = "oras-pod-tools";
const CONFIGURATION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/oras-pod-tools";
const DEPLOYMENT = `/apis/apps/v1/namespaces/${OWN_NAMESPACE}/deployments/oras-pod-tools-webhook`;
const COMPONENT = "components:\n  - ../../components/webhook-cert-manager\n";

const [INSTALL = "", CREATE_SECRET = ""] = blocksOfSection("### Inject with a webhook");

const ANNOTATIONS = operatorAnnotations({
  "oras-cache": "oras",
  "output-path": "/tmp/answer",
  "output-uri": "guide/answer:webhook",
});

interface Pod {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly initContainers?: readonly { readonly name: string }[] };
  readonly status: {
    readonly podIP: string;
    readonly containerStatuses: readonly [{ readonly containerID: string; readonly restartCount: number }];
  };
}

interface Configuration {
  readonly webhooks: readonly [{ readonly clientConfig: { readonly caBundle?: string } }];
}

describe("in a real cluster, the webhook of injection", { skip: CLUSTER_SKIP, timeout: 900_000 }, () => {
  const folder = temporaryFolder({ after });
  let cluster: Cluster;

  before(async () => {
    cpSync(MANIFESTS, join(folder, "images", "manifests"), { recursive: true });
    cluster = await startTestCluster("webhook");
    await startRegistry(cluster);
  });

  after(() => cluster?.[Symbol.asyncDispose]());

  /** Runs commands of the guide in a folder with a copy of the manifests. */
  async function type(commands: string): Promise<void> {
    const options = { cwd: folder, env: cluster.environment() };
    await promisify(execFile)("sh", ["-ec", commands], options);
  }

  /**
   * Creates the annotated Job in a dry run. If the API server refuses the Job, returns the message of the API server.
   */
  async function refusal(job: object = annotatedJob("dry", ANNOTATIONS, "true")): Promise<string | undefined> {
    const { code, stderr } = await cluster.startKubectl(["create", "--dry-run=server", "-f", "-"], JSON.stringify(job))
      .ended;
    return code === 0 ? undefined : stderr;
  }

  /** Creates an annotated pod in repeated dry runs, until the webhook adds its containers to the pod. */
  async function untilInjected(): Promise<void> {
    for (let attempt = 0; !(await isInjected()); attempt++) {
      assert.ok(attempt < 60, `no pod is injected after 60 attempts: ${await refusal(annotatedPod())}`);
      await sleep(500);
    }
  }

  async function isInjected(): Promise<boolean> {
    const create = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
    const { code, stdout } = await cluster.startKubectl(create, JSON.stringify(annotatedPod())).ended;
    if (code !== 0) return false;
    const names = (JSON.parse(stdout) as Pod).spec.initContainers?.map(({ name }) => name);
    assert.deepEqual(names, ["oras-install", "oras"]);
    return true;
  }

  function annotatedPod(annotations: object = ANNOTATIONS, namespace = NAMESPACE): object {
    const { spec } = annotatedJob("pod", {}, "true");
    const metadata = { name: "dry", namespace, annotations };
    return { apiVersion: "v1", kind: "Pod", metadata, spec: spec.template.spec };
  }

  /** Returns all pods of the webhook except the pods that are ending. */
  async function replicas(): Promise<Pod[]> {
    const list = await cluster.kubectl("get", "pods", "-n", OWN_NAMESPACE, "-o", "json");
    return (JSON.parse(list) as { items: (Pod & { metadata: { deletionTimestamp?: string } })[] }).items.filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
  }

  async function untilReady(count: number): Promise<void> {
    const state = ({ status }: { readonly status: { readonly replicas?: number; readonly readyReplicas?: number } }) =>
      (status.replicas ?? 0) === count && (status.readyReplicas ?? 0) === count ? true : undefined;
    try {
      await waitForState(cluster, DEPLOYMENT, state, 120);
    } catch (error) {
      throw new Error(`${error}\n${await cluster.kubectl("describe", "pods", "-n", OWN_NAMESPACE)}`);
    }
  }

  async function servedCertificate({ status }: Pod): Promise<string> {
    const script = `openssl s_client -connect ${status.podIP}:8443 </dev/null 2>/dev/null | openssl x509`;
    return await cluster.node.exec("sh", "-c", script);
  }

  /** Waits until all replicas serve a certificate. Checks that no replica was restarted. */
  async function untilServed(certificate: string): Promise<void> {
    for (const { metadata } of await replicas()) {
      // The kubelet updates the files of a Secret only when it synchronizes the pod. A change of the pod causes a
      // synchronization at once. Without a change, the next synchronization can be a minute away.
      const annotate = ["annotate", "--overwrite", "pod", "-n", OWN_NAMESPACE, metadata.name];
      await cluster.kubectl(...annotate, `synchronized=${Date.now()}`);
    }
    for (const replica of await replicas())
      for (let attempt = 0; (await servedCertificate(replica)).trim() !== certificate.trim(); attempt++) {
        assert.ok(attempt < 200, `${replica.metadata.name} does not use the new certificate`);
        await sleep(500);
      }
    for (const { status } of await replicas()) assert.equal(status.containerStatuses[0].restartCount, 0);
  }

  it("starts two replicas with a certificate from a Secret, as the guide says", async () => {
    assert.ok(INSTALL.includes(COMPONENT));
    await type(INSTALL.replace(COMPONENT, ""));
    await type(CREATE_SECRET);
    // The readiness probe asks /readyz, and the liveness probe asks /livez.
    await untilReady(2);
    await untilInjected();
  });

  it("injects a Job, whose output is then in the registry", async () => {
    await cluster.create(annotatedJob("annotated", ANNOTATIONS, "echo 42 > /tmp/answer"));
    assert.equal(await waitForJob(cluster, "annotated"), "Complete");
    const target = join(folder, "pulled");
    const reference = `${await forwardRegistry(cluster)}/guide/answer:webhook`;
    const { code, stderr } = await runTool("oras-push", ["pull", reference, "-o", target]);
    assert.equal(code, 0, `${stderr}\n${await podStates(cluster)}`);
    assert.equal(readFileSync(join(target, "answer"), "utf8"), "42\n");
  });

  it("refuses a Job that it cannot inject, and says what to write", async () => {
    const wrong = annotatedJob("wrong", operatorAnnotations({ "oras-cache": "oras", "output-path": "/a" }), "true");
    assert.match((await refusal(wrong)) ?? "", /oras-pod-tools: the output has no destination: write /);
  });

  it("uses a new certificate when the Secret changes, without a restart", async () => {
    const [makeCertificate = "", , patch = ""] = CREATE_SECRET.split(/(?=^kubectl )/m);
    const trust = (file: string) => type(patch.replace("tls.crt", file));
    await type(`cp tls.crt old.crt\n${makeCertificate}\ncat old.crt tls.crt > both.crt`);
    await trust("both.crt");
    await type(
      `kubectl create secret tls oras-pod-tools-webhook --namespace ${OWN_NAMESPACE} --cert tls.crt --key tls.key --dry-run=client -o yaml | kubectl replace -f -`,
    );
    await untilServed(readFileSync(join(folder, "tls.crt"), "utf8"));
    await trust("tls.crt");
    await untilInjected();
  });

  it("loses no pod while one replica is deleted and replaced", async () => {
    const [replica] = await replicas();
    assert.ok(replica);
    let deleting = true;
    const deletion = cluster
      .kubectl("delete", "pod", "-n", OWN_NAMESPACE, replica.metadata.name)
      .finally(() => (deleting = false));
    let created = 0;
    for (; deleting; created++) assert.ok(await isInjected(), `pod ${created} was refused`);
    await deletion;
    assert.ok(created > 1);
    await untilReady(2);
  });

  it("works with one replica after the other one was killed, and Kubernetes starts it again", async () => {
    const [replica] = await replicas();
    assert.ok(replica);
    const [{ containerID }] = replica.status.containerStatuses;
    const id = containerID.replace("containerd://", "");
    await cluster.node.exec(`${INSIDE.programs}/ctr`, "-n", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", id);
    await untilInjected();
    // The status of the pods shows the restart some time after the kill.
    const restarts = async () =>
      (await replicas()).map(({ status }) => status.containerStatuses[0].restartCount).sort();
    for (let attempt = 0; String(await restarts()) !== "0,1"; attempt++) {
      assert.ok(attempt < 300, String(await restarts()));
      await sleep(200);
    }
    await untilReady(2);
  });

  it("refuses only annotated objects in injected namespaces while no replica runs, and starts again", async () => {
    // The webhook's own pods have no annotation. So even if their namespace has the label, they start without a running
    // webhook.
    await cluster.kubectl("label", "namespace", OWN_NAMESPACE, "oras-pod-tools.dev/injection=enabled");
    await cluster.kubectl("scale", "-n", OWN_NAMESPACE, "deployment/oras-pod-tools-webhook", "--replicas=0");
    await cluster.kubectl("wait", "-n", OWN_NAMESPACE, "pods", "--all", "--for=delete", "--timeout=60s");
    for (const object of [annotatedPod(), annotatedJob("dry", ANNOTATIONS, "true")])
      assert.match((await refusal(object)) ?? "", /failed calling webhook "inject\.oras-pod-tools\.dev"/);
    assert.equal(await refusal(annotatedPod({})), undefined);
    assert.equal(await refusal(annotatedPod(ANNOTATIONS, "default")), undefined);
    await cluster.kubectl("scale", "-n", OWN_NAMESPACE, "deployment/oras-pod-tools-webhook", "--replicas=2");
    await untilReady(2);
    await untilInjected();
  });

  const certManager = existsSync(join(PROGRAMS, "cert-manager")) ? false : "cert-manager is not built";
  it("uses the certificates of cert-manager, also when it renews one", { skip: certManager }, async () => {
    await installCertManager(cluster);
    await cluster.kubectl("delete", "secret", "-n", OWN_NAMESPACE, "oras-pod-tools-webhook");
    await type(INSTALL);
    const first = await untilIssued("");
    await untilServed(first);
    await untilInjected();
    await cluster.kubectl("delete", "secret", "-n", OWN_NAMESPACE, "oras-pod-tools-webhook");
    await untilServed(await untilIssued(first));
    await untilInjected();
  });

  /** Waits until the Secret has a new certificate, and the configuration of the webhook trusts this certificate. */
  async function untilIssued(earlier: string): Promise<string> {
    const decode = (text: string | undefined) => Buffer.from(text ?? "", "base64").toString();
    const path = `/api/v1/namespaces/${OWN_NAMESPACE}/secrets/oras-pod-tools-webhook`;
    let [issued, trusted] = ["", ""];
    for (let attempt = 0; attempt < 180; attempt++) {
      const secret = await cluster.api.get<{ readonly data: Readonly<Record<string, string>> }>(path);
      const configuration = await cluster.api.get<Configuration>(CONFIGURATION);
      issued = decode(secret?.data["tls.crt"]);
      trusted = decode(configuration?.webhooks[0].clientConfig.caBundle);
      // `trusted` can contain several certificates: cert-manager keeps each earlier authority that is still valid.
      if (issued !== "" && issued !== earlier && trusted.includes(issued.trim())) return issued;
      await sleep(500);
    }
    const state = await cluster.kubectl("describe", "certificates,certificaterequests", "-n", OWN_NAMESPACE);
    throw new Error(`issued:\n${issued}\ntrusted:\n${trusted}\n${state}`);
  }
});
