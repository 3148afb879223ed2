import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../support/cluster/cluster.ts";
import { issueCertificate } from "../../support/cluster/credentials.ts";
import { forwardInto } from "../../support/cluster/forwarding.ts";
import { ADDRESSES, FILES, INSIDE } from "../../support/cluster/settings.ts";
import { findProgram } from "../../support/debian.ts";
import { NAMESPACE } from "./cluster.ts";
import { MANIFESTS } from "./kubernetes.ts";

/** The name, in pods and image references, of the registry that {@link startRegistry} starts. */
export const REGISTRY = `oras-0.oras.${NAMESPACE}.svc.cluster.local:5000`;

/** A local port that is forwarded to a port of a pod. */
export interface ForwardedPort {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  close(): Promise<void>;
}

/** A registry outside of the cluster, with TLS and a password. */
export interface RemoteRegistry {
  /** Its host name in the manifests. */
  readonly host: string;
  /** Its IP address, which pods can reach. */
  readonly ip: string;
  readonly user: string;
  readonly password: string;
  /** The certificate authority that signed its certificate. */
  readonly authority: string;
  /** `127.0.0.1:PORT`, where this machine reaches it. */
  readonly address: string;
}

/** In the namespace {@link NAMESPACE}, starts the registry that the manifests describe. Waits until it is ready. */
export async function startRegistry(cluster: Cluster): Promise<void> {
  await cluster.kubectl("apply", "-k", join(MANIFESTS, "overlays/kind/registry"));
  await cluster.kubectl("rollout", "status", "-n", NAMESPACE, "statefulset/oras", "--timeout=120s");
}

/**
 * Lets the node pull images from the registry that {@link startRegistry} started. The node uses the same registry name
 * as the pods. But the node cannot resolve this name, and expects HTTPS. So this function writes the address of the
 * registry, with plain HTTP, to a configuration file of containerd.
 */
export async function letNodePull(cluster: Cluster): Promise<void> {
  const folder = join(cluster.folder, FILES.registries, REGISTRY);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "hosts.toml"), `server = "http://${await registryIp(cluster)}:5000"\n`);
}

/**
 * Forwards a free local port to the registry that {@link startRegistry} started, until the cluster stops. Unlike
 * {@link forwardPort}, this function needs neither the kubelet nor the container runtime. Returns the address,
 * 127.0.0.1:PORT.
 */
export async function forwardRegistry(cluster: Cluster): Promise<string> {
  return `127.0.0.1:${await forwardInto(cluster.node, "registry", `${await registryIp(cluster)}:5000`)}`;
}

async function registryIp(cluster: Cluster): Promise<string> {
  const pod = await cluster.api.get<{ status: { podIP: string } }>(`/api/v1/namespaces/${NAMESPACE}/pods/oras-0`);
  if (pod === undefined) throw new Error("the registry has no pod");
  return pod.status.podIP;
}

/** Forwards a free local port to a pod's port, as `kubectl port-forward` does. */
export async function forwardPort(cluster: Cluster, pod: string, port: number): Promise<ForwardedPort> {
  const { child, ended } = cluster.startKubectl(["port-forward", "-n", NAMESPACE, pod, `:${port}`]);
  const address = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk;
      const local = /^Forwarding from (127\.0\.0\.1:\d+)/m.exec(text)?.[1];
      if (local !== undefined) resolve(local);
    });
    ended.then(({ code, stderr }) => reject(new Error(`kubectl port-forward exited with ${code}: ${stderr}`)), reject);
  });
  return {
    address,
    close: async () => {
      child.kill();
      await ended;
    },
  };
}

/** How to start a {@link NodeRegistry}. */
export interface NodeRegistryPlan {
  /** The name of the registry's folder and log. */
  readonly name: string;
  readonly port: number;
  /** The paths of the certificate and the key, inside the node. Without this field, the registry uses plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** The only user. Without this field, everyone can push. */
  readonly login?: { readonly user: string; readonly password: string };
}

/**
 * Debian's registry, as a process of the node outside of the pods. The data of the registry remains if the process is
 * killed.
 */
export class NodeRegistry {
  readonly #cluster: Cluster;
  readonly #name: string;
  /** `IP:PORT`, where pods reach it. */
  readonly host: string;
  /** `127.0.0.1:PORT`, where this machine reaches it. */
  readonly address: string;

  private constructor(cluster: Cluster, { name, port }: NodeRegistryPlan, forwarded: number) {
    this.#cluster = cluster;
    this.#name = name;
    this.host = `${ADDRESSES.bridge}:${port}`;
    this.address = `127.0.0.1:${forwarded}`;
  }

  /** Writes the configuration of a registry. Does not start the registry. */
  static async create(cluster: Cluster, plan: NodeRegistryPlan): Promise<NodeRegistry> {
    const { name, port, tls, login } = plan;
    const [folder, inside] = [join(cluster.folder, name), join(INSIDE.state, name)];
    mkdirSync(folder);
    if (login !== undefined)
      writeFileSync(join(folder, "htpasswd"), execFileSync("htpasswd", ["-Bbn", login.user, login.password]));
    const config = {
      version: 0.1,
      storage: { filesystem: { rootdirectory: join(inside, "data") } },
      http: { addr: `${ADDRESSES.bridge}:${port}`, ...(tls === undefined ? {} : { tls }) },
      ...(login === undefined ? {} : { auth: { htpasswd: { realm: name, path: join(inside, "htpasswd") } } }),
    };
    writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
    return new NodeRegistry(cluster, plan, await forwardInto(cluster.node, name, `${ADDRESSES.bridge}:${port}`));
  }

  /** Starts the registry and waits until it responds. */
  async start(): Promise<void> {
    const program = findProgram("docker-registry") as string;
    this.#cluster.node.start(this.#name, [program, "serve", join(INSIDE.state, this.#name, "config.yml")]);
    for (let attempt = 0; !(await isListening(this.address)); attempt++) {
      if (attempt === 300) throw new Error(`the registry ${this.#name} does not respond after 30 s`);
      await sleep(100);
    }
  }

  /** Kills the registry with SIGKILL. */
  async kill(): Promise<void> {
    await this.#cluster.node.kill(this.#name);
  }

  /** Returns true if an unfinished upload of a blob contains at least one byte. */
  isReceiving(): boolean {
    const data = join(this.#cluster.folder, this.#name, "data");
    return globSync("docker/registry/v2/repositories/**/_uploads/*/data", { cwd: data }).some(
      (path) => (statSync(join(data, path), { throwIfNoEntry: false })?.size ?? 0) > 0,
    );
  }
}

/**
 * Returns whether a server listens behind a forwarded port. Without a server, the port accepts a connection, but closes
 * it at once.
 */
async function isListening(address: string): Promise<boolean> {
  const [host = "", port = ""] = address.split(":");
  const socket = connect(Number(port), host);
  const ended = new Promise<boolean>((resolve) => {
    socket.on("error", () => resolve(false)).on("end", () => resolve(false));
    socket.setTimeout(200, () => resolve(true));
  });
  const isOpen = await ended;
  socket.destroy();
  return isOpen;
}

/** Starts a registry inside the node, but outside of the pods. It uses TLS and requires a password. */
export async function startRemoteRegistry(
  cluster: Cluster,
  { user, password } = { user: "user", password: "secret" },
): Promise<RemoteRegistry> {
  const [host, ip] = ["registry.example.org", ADDRESSES.bridge];
  const pki = join(cluster.folder, "pki");
  issueCertificate(pki, "remote-registry", `/CN=${host}`, `DNS:${host},IP:127.0.0.1`);
  const file = (suffix: string) => join(INSIDE.state, "pki", `remote-registry.${suffix}`);
  const tls = { certificate: file("crt"), key: file("key") };
  const plan = { name: "remote-registry", port: 443, tls, login: { user, password } };
  const registry = await NodeRegistry.create(cluster, plan);
  await registry.start();
  return { host, ip, user, password, authority: join(pki, "ca.crt"), address: registry.address };
}
