/**
 * Injection in a real cluster. A user applies the policies and annotates pods. The kubelet runs the injected pods, and
 * `oras-push pull` gets the outputs of the applications.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../support/cluster/cluster.ts";
import { forwardInto } from "../../support/cluster/forwarding.ts";
import { EXPERIMENT_IMAGES } from "../../support/cluster/images.ts";
import { installJobSet } from "../../support/cluster/jobset.ts";
import { imageArchive } from "../../support/images/build.ts";
import { EXAMPLES, mpiLammpsImage } from "../../support/images/plans.ts";
import { runTool } from "../../support/tools.ts";
import { annotatedJob, operatorAnnotations } from "../support/annotated-job.ts";
import { CLUSTER_SKIP, NAMESPACE, podStates, startTestCluster, waitForJob, waitForState } from "../support/cluster.ts";
import { type ForwardedPort, forwardPort, startRegistry } from "../support/cluster-registries.ts";
import { MANIFESTS } from "../support/kubernetes.ts";
import { untilPoliciesAct } from "../support/policies.ts";
import { temporaryFolder } from "../support/temporary.ts";

const POLICIES = join(MANIFESTS, "overlays/kind/injection");
/** The namespace of the MetricSets. Pods of a MetricSet do not meet the restricted profile of Kubernetes. */
const METRICS = "metrics";

interface Pod {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly initContainers?: readonly object[] };
}

/**
 * Returns a JobSet with the properties that the Metrics Operator sets: annotations on every pod, restarts, and the
 * subdomain of the registry.
 */
function metricSet(name: string, annotations: object, jobs: Readonly<Record<string, object>>): object {
  const replicated = (jobName: string, spec: object) => ({
    name: jobName,
    replicas: 1,
    template: {
      spec: {
        completions: 1,
        parallelism: 1,
        completionMode: "Indexed",
        backoffLimit: 100,
        template: {
          metadata: { labels: { "metricset-name": name }, annotations },
          spec: { restartPolicy: "OnFailure", setHostnameAsFQDN: true, subdomain: "oras", ...spec },
        },
      },
    },
  });
  return {
    apiVersion: "jobset.x-k8s.io/v1alpha2",
    kind: "JobSet",
    metadata: { name, namespace: METRICS },
    spec: {
      network: { enableDNSHostnames: true, subdomain: "oras" },
      successPolicy: { operator: "All", targetReplicatedJobs: [Object.keys(jobs)[0]] },
      replicatedJobs: Object.entries(jobs).map(([jobName, spec]) => replicated(jobName, spec)),
    },
  };
}

describe("in a real cluster, injection", { skip: CLUSTER_SKIP, timeout: 900_000 }, () => {
  const folder = temporaryFolder({ after });
  let cluster: Cluster;
  let registry: ForwardedPort;

  before(async () => {
    cluster = await startTestCluster("injection", [await imageArchive(mpiLammpsImage(), EXPERIMENT_IMAGES.lammps)]);
    await startRegistry(cluster);
    registry = await forwardPort(cluster, "pod/oras-0", 5000);
    await cluster.kubectl("apply", "-k", POLICIES);
    await untilPoliciesAct(cluster);
  });

  after(async () => {
    await registry?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  async function pull(address: string, reference: string): Promise<string> {
    const target = join(folder, reference.replaceAll(/[/:]/g, "-"));
    const { code, stderr } = await runTool("oras-push", ["pull", `${address}/${reference}`, "-o", target]);
    assert.equal(code, 0, `${stderr}\n${await podStates(cluster)}`);
    return target;
  }

  it("saves the output of a Job with three annotations in a restricted namespace, with 2/2 containers", async () => {
    const annotations = operatorAnnotations({
      "oras-cache": "oras",
      "output-path": "/tmp/answer",
      "output-uri": "guide/answer:annotated",
    });
    await cluster.create(
      annotatedJob("annotated", annotations, "sleep 4; mkdir /tmp/answer && echo 42 > /tmp/answer/answer.txt"),
    );
    const seen = new Set<string>();
    while (!seen.has("2/2")) {
      const line = await cluster.kubectl("get", "pods", "-n", NAMESPACE, "-l", "job-name=annotated", "--no-headers");
      seen.add(line.trim().split(/\s+/)[1] ?? "");
      assert.doesNotMatch(line, /Completed|Error/, [...seen].join(", "));
      await sleep(200);
    }
    assert.equal(await waitForJob(cluster, "annotated"), "Complete");
    const pulled = await pull(registry.address, "guide/answer:annotated");
    assert.equal(readFileSync(join(pulled, "answer", "answer.txt"), "utf8"), "42\n");
  });

  it("gives each pod of an annotated Indexed Job its index, for its own tag", async () => {
    const annotations = operatorAnnotations({
      "oras-cache": "oras",
      "output-path": "/tmp/square",
      "output-uri": "guide/square:iter-$(JOB_COMPLETION_INDEX)",
    });
    const { spec, ...rest } = annotatedJob(
      "squares-annotated",
      annotations,
      "echo $((JOB_COMPLETION_INDEX * JOB_COMPLETION_INDEX)) > /tmp/square",
    );
    await cluster.create({ ...rest, spec: { ...spec, completionMode: "Indexed", completions: 3, parallelism: 3 } });
    assert.equal(await waitForJob(cluster, "squares-annotated"), "Complete");
    for (const index of [0, 1, 2])
      assert.equal(
        readFileSync(join(await pull(registry.address, `guide/square:iter-${index}`), "square"), "utf8"),
        `${index * index}\n`,
      );
  });

  it("refuses a Job that it cannot inject, and says what to write", async () => {
    const object = annotatedJob(
      "several",
      operatorAnnotations({ "oras-cache": "oras", "output-path": "/tmp/a" }),
      "true",
    );
    await assert.rejects(cluster.create(object), /oras-pod-tools: the output has no destination: write /);
  });

  it("leaves a pod without annotations as it is", async () => {
    await cluster.create(annotatedJob("plain", {}, "true"));
    assert.equal(await waitForJob(cluster, "plain"), "Complete");
    const { items: [pod] = [] } = (await cluster.api.get<{ items: Pod[] }>(
      `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=job-name%3Dplain`,
    )) ?? { items: [] };
    assert.equal(pod?.spec.initContainers, undefined);
  });

  it("runs the pods of the two MetricSets without changes: hwloc, and LAMMPS with MPI over two pods", async () => {
    await installJobSet(cluster);
    const labels = { "oras-pod-tools.dev/injection": "enabled" };
    await cluster.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: METRICS, labels } });
    await cluster.kubectl("apply", "-n", METRICS, "-k", join(MANIFESTS, "registry"));
    await cluster.kubectl("rollout", "status", "-n", METRICS, "statefulset/oras", "--timeout=120s");
    await createMpiFiles();
    const hwloc = operatorAnnotations({
      "oras-cache": "oras",
      "output-uri": "metric/hwloc:iter-0",
      "output-path": "/tmp/analysis",
      debug: "true",
    });
    const script =
      "mkdir -p /tmp/analysis; lstopo /tmp/analysis/architecture.png; hwloc-ls /tmp/analysis/machine.xml; busybox ls";
    const app = {
      name: "app",
      image: EXPERIMENT_IMAGES.hwloc,
      imagePullPolicy: "IfNotPresent",
      command: ["/bin/sh", "-c", script],
      stdin: true,
      tty: true,
      securityContext: { privileged: false, capabilities: {} },
    };
    await createJobSet(metricSet("hwloc-0", hwloc, { m: { shareProcessNamespace: true, containers: [app] } }));
    const lammps = operatorAnnotations({
      "oras-cache": "oras",
      container: "launcher",
      "output-uri": "metric/lammps:iter-0",
      "output-path": join(EXAMPLES, "lammps.out"),
      debug: "true",
    });
    await createJobSet(
      metricSet("lammps-0", lammps, {
        l: mpiPod("launcher", MPI_LAUNCHER),
        w: mpiPod("workers", "exec /usr/sbin/sshd -D -e -f /etc/mpi/sshd_config"),
      }),
    );
    for (const name of ["hwloc-0", "lammps-0"]) assert.equal(await endOfJobSet(name), "Completed");
    const metrics = await forwardMetrics();
    const files = readdirSync(join(await pull(metrics, "metric/hwloc:iter-0"), "analysis"));
    assert.deepEqual(files.sort(), ["architecture.png", "machine.xml"]);
    const output = readFileSync(join(await pull(metrics, "metric/lammps:iter-0"), "lammps.out"), "utf8");
    assert.match(output, /^Loop time of .* on 2 procs for 100 steps with 2432 atoms$/m);
    assert.match(output, /^lammps-0-l-0-0.*\n/m);
    assert.match(output, /^lammps-0-w-0-0.*\n/m);
  });

  it("leaves running pods and the registry alone when the policies are deleted", async () => {
    const annotations = operatorAnnotations({
      "oras-cache": "oras",
      "output-path": "/tmp/answer",
      "output-uri": "guide/answer:late",
    });
    await cluster.create(annotatedJob("late", annotations, "sleep 8; echo 42 > /tmp/answer"));
    await waitForState(
      cluster,
      `/apis/batch/v1/namespaces/${NAMESPACE}/jobs/late`,
      ({ status }: { status?: { ready?: number } }) => status?.ready || undefined,
      60,
    );
    await cluster.kubectl("delete", "-k", POLICIES);
    assert.equal(await waitForJob(cluster, "late"), "Complete");
    assert.equal(readFileSync(join(await pull(registry.address, "guide/answer:late"), "answer"), "utf8"), "42\n");
  });

  /** The script that the Metrics Operator would mount. The script hides the exit code of mpirun. */
  const MPI_LAUNCHER = [
    "until ssh lammps-0-w-0-0 true; do busybox sleep 1; done",
    `cd ${EXAMPLES}`,
    "mpirun --hostfile /etc/mpi/hostfile -np 2 busybox hostname >> lammps.out",
    "mpirun --hostfile /etc/mpi/hostfile -np 2 lmp -v x 2 -v y 2 -v z 2 -in in.reaxc.hns -nocite 2>&1 | busybox tee -a lammps.out",
    "busybox ls",
  ].join("\n");

  function mpiPod(name: string, script: string): object {
    const volumes = [
      { name: "mpi", configMap: { name: "mpi" } },
      { name: "mpi-ssh", secret: { secretName: "mpi-ssh", defaultMode: 0o440 } },
    ];
    const volumeMounts = [
      { name: "mpi", mountPath: "/etc/mpi", readOnly: true },
      { name: "mpi", mountPath: "/etc/ssh/ssh_config.d", readOnly: true },
      { name: "mpi-ssh", mountPath: "/etc/mpi-ssh", readOnly: true },
    ];
    const containers = [
      {
        name,
        image: EXPERIMENT_IMAGES.lammps,
        imagePullPolicy: "IfNotPresent",
        command: ["/bin/sh", "-c", script],
        securityContext: { runAsUser: 1000, runAsGroup: 1000 },
        volumeMounts,
      },
    ];
    return { securityContext: { fsGroup: 1000 }, volumes, containers };
  }

  async function createMpiFiles(): Promise<void> {
    const keys = join(folder, "keys");
    mkdirSync(keys);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(keys, "id_ed25519")]);
    const files = ["id_ed25519", "id_ed25519.pub"].flatMap((name) => ["--from-file", join(keys, name)]);
    await cluster.kubectl("create", "secret", "generic", "mpi-ssh", "-n", METRICS, ...files);
    const text = await cluster.kubectl(
      "create",
      "--dry-run=client",
      "-o",
      "json",
      "-f",
      join(MANIFESTS, "jobset", "mpi.yaml"),
    );
    const { data } = JSON.parse(text) as { data: Record<string, string> };
    const hostfile = "localhost slots=1\nlammps-0-w-0-0.oras slots=1\n";
    const ssh = data["ssh.conf"]?.replace("%h.lammps-mpi-0", "%h.oras");
    await cluster.create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "mpi", namespace: METRICS },
      data: { ...data, hostfile, "ssh.conf": ssh },
    });
  }

  /**
   * Creates a JobSet. The JobSet controller has just started. Until the API server can call the controller's webhook,
   * this function tries again.
   */
  async function createJobSet(object: object): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await cluster.create(object);
      } catch (error) {
        if (attempt === 30 || !/failed calling webhook/.test(String(error))) throw error;
        await sleep(1000);
      }
    }
  }

  async function endOfJobSet(name: string): Promise<string> {
    const path = `/apis/jobset.x-k8s.io/v1alpha2/namespaces/${METRICS}/jobsets/${name}`;
    const end = ({ status }: { readonly status?: { readonly terminalState?: string } }) => status?.terminalState;
    return await waitForState(cluster, path, end, 240);
  }

  async function forwardMetrics(): Promise<string> {
    const pod = await cluster.api.get<{ status: { podIP: string } }>(`/api/v1/namespaces/${METRICS}/pods/oras-0`);
    assert.ok(pod);
    return `127.0.0.1:${await forwardInto(cluster.node, "metrics", `${pod.status.podIP}:5000`)}`;
  }
});
