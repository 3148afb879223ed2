import { ADDRESSES, INSIDE, NODE_NAME } from "./settings.ts";

/** A long-running process of the node. */
export type ComponentName = keyof typeof COMPONENTS;

const ETCD = "http://127.0.0.1:2379";
const PEERS = "http://127.0.0.1:2380";
const PKI = `${INSIDE.state}/pki`;

/** Maps the program of each component to its arguments. */
const COMPONENTS = {
  etcd: [
    `--data-dir=${INSIDE.state}/etcd`,
    `--listen-client-urls=${ETCD}`,
    `--advertise-client-urls=${ETCD}`,
    `--listen-peer-urls=${PEERS}`,
    `--initial-advertise-peer-urls=${PEERS}`,
    `--initial-cluster=default=${PEERS}`,
    // It does not matter if a crash of the machine destroys the data.
    "--unsafe-no-fsync",
  ],
  "kube-apiserver": [
    `--etcd-servers=${ETCD}`,
    "--bind-address=127.0.0.1",
    "--secure-port=6443",
    `--advertise-address=${ADDRESSES.node}`,
    `--service-cluster-ip-range=${ADDRESSES.services}`,
    `--tls-cert-file=${PKI}/kube-apiserver.crt`,
    `--tls-private-key-file=${PKI}/kube-apiserver.key`,
    `--client-ca-file=${PKI}/ca.crt`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${PKI}/tokens.pub`,
    `--service-account-signing-key-file=${PKI}/tokens.key`,
    // For logs, exec and port-forward, the API server connects to the kubelet. It uses the IP address, because the name
    // of the node cannot be resolved.
    "--kubelet-preferred-address-types=InternalIP",
    `--kubelet-certificate-authority=${PKI}/ca.crt`,
    `--kubelet-client-certificate=${PKI}/admin.crt`,
    `--kubelet-client-key=${PKI}/admin.key`,
    // The node has no kube-proxy. Therefore, the API server calls the pods of a webhook's Service, not the address of
    // the Service.
    "--enable-aggregator-routing",
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
  ],
  "kube-controller-manager": [
    ...clientOptions("kube-controller-manager"),
    "--use-service-account-credentials",
    `--service-account-private-key-file=${PKI}/tokens.key`,
    `--root-ca-file=${PKI}/ca.crt`,
    `--cluster-signing-cert-file=${PKI}/ca.crt`,
    `--cluster-signing-key-file=${PKI}/ca.key`,
  ],
  "kube-scheduler": clientOptions("kube-scheduler"),
  coredns: ["-conf", `${INSIDE.state}/Corefile`],
  containerd: ["--config", `${INSIDE.state}/containerd.toml`],
  kubelet: [
    `--config=${INSIDE.state}/kubelet.json`,
    `--kubeconfig=${INSIDE.state}/kubelet.conf`,
    `--hostname-override=${NODE_NAME}`,
    `--node-ip=${ADDRESSES.node}`,
    `--root-dir=${INSIDE.state}/kubelet`,
    `--cert-dir=${PKI}`,
    "--v=2",
  ],
} as const;

/** Returns the command line that starts a component inside the node. */
export function componentCommand(name: ComponentName): string[] {
  return [`${INSIDE.programs}/${name}`, ...COMPONENTS[name]];
}

/**
 * The options of a component that is a client of the API server. The component is also a server: on 127.0.0.1, it
 * answers requests about its own state.
 */
function clientOptions(name: string): string[] {
  const config = `${INSIDE.state}/${name}.conf`;
  return [
    `--kubeconfig=${config}`,
    `--authentication-kubeconfig=${config}`,
    `--authorization-kubeconfig=${config}`,
    "--bind-address=127.0.0.1",
    "--leader-elect=false",
  ];
}
