import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findProgram } from "../debian.ts";
import { type Identity, kubeconfig, writeCredentials } from "./credentials.ts";
import { ADDRESSES, FILES, INSIDE } from "./settings.ts";

/** The image of a pod's first process. */
export const PAUSE_IMAGE = "localhost/pause:1";

/**
 * Writes the configuration of all components to the folder of a cluster. `cgroup` is the path of the cgroup for the
 * pods.
 */
export function writeConfiguration(folder: string, cgroup: string): void {
  writeCredentials(join(folder, "pki"));
  for (const [name, text] of Object.entries(configuration(cgroup))) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const identities: readonly Identity[] = ["kube-controller-manager", "kube-scheduler", "kubelet", "coredns", "admin"];
  for (const name of identities)
    writeFileSync(join(folder, `${name}.conf`), kubeconfig(join(folder, "pki"), name, `https://${ADDRESSES.api}`));
}

/** Maps the path of each configuration file to its content. The paths are relative to the folder of a cluster. */
function configuration(cgroup: string): Readonly<Record<string, string>> {
  return {
    "containerd.toml": containerdConfiguration(findProgram("runc") as string),
    "cni/pods.conflist": JSON.stringify(podNetwork()),
    "kubelet.json": JSON.stringify(kubeletConfiguration(cgroup)),
    Corefile: corefile(),
    "resolv.conf": `nameserver ${ADDRESSES.bridge}\n`,
  };
}

/**
 * The option `restrict_oom_score_adj` is set, because a test machine can itself be a container. A container cannot
 * decrease the OOM scores of its processes. Some plugins are disabled, because they write outside of the folder of the
 * cluster.
 */
function containerdConfiguration(runc: string): string {
  const runtime = `plugins."io.containerd.cri.v1.runtime"`;
  const images = `plugins."io.containerd.cri.v1.images"`;
  return `version = 3
root = "${INSIDE.state}/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]
[${images}.pinned_images]
sandbox = "${PAUSE_IMAGE}"
[${images}.registry]
config_path = "${INSIDE.state}/${FILES.registries}"
[${runtime}]
restrict_oom_score_adj = true
disable_apparmor = true
[${runtime}.cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "${INSIDE.state}/cni"
[${runtime}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[${runtime}.containerd.runtimes.runc.options]
BinaryName = "${runc}"
SystemdCgroup = false
`;
}

/** A bridge without address translation. So the pods can reach nothing outside of the node's network namespace. */
function podNetwork(): object {
  const bridge = { type: "bridge", bridge: "cni0", isGateway: true, ipMasq: false, hairpinMode: true };
  const ranges = [[{ subnet: ADDRESSES.pods, gateway: ADDRESSES.bridge }]];
  const ipam = { type: "host-local", ranges, routes: [{ dst: "0.0.0.0/0" }] };
  return { cniVersion: "1.0.0", name: "pods", plugins: [{ ...bridge, ipam }] };
}

function kubeletConfiguration(cgroup: string): object {
  const pki = `${INSIDE.state}/pki`;
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: ADDRESSES.node,
    authentication: { webhook: { enabled: false }, x509: { clientCAFile: `${pki}/ca.crt` } },
    authorization: { mode: "AlwaysAllow" },
    tlsCertFile: `${pki}/kubelet.crt`,
    tlsPrivateKeyFile: `${pki}/kubelet.key`,
    containerRuntimeEndpoint: `unix://${INSIDE.containerd}`,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    clusterDomain: "cluster.local",
    clusterDNS: [ADDRESSES.bridge],
    // An empty file, so that the pods do not inherit the name servers of the machine.
    resolvConf: "/dev/null",
    podLogsDir: `${INSIDE.state}/pod-logs`,
    // The interval at which the kubelet measures the volumes. The kubelet compares the sizes with the limits of the
    // volumes.
    volumeStatsAggPeriod: "10s",
    // With this threshold, the kubelet never removes images. The node could not pull a removed image again.
    imageGCHighThresholdPercent: 100,
    evictionHard: { "memory.available": "200Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
  };
}

function corefile(): string {
  const kubernetes = `kubernetes cluster.local {\n    kubeconfig ${INSIDE.state}/coredns.conf\n    ttl 1\n  }`;
  return `.:53 {\n  bind ${ADDRESSES.bridge}\n  errors\n  ${kubernetes}\n}\n`;
}
