import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "../../support/cluster/cluster.ts";
import { issueCertificate } from "../../support/cluster/credentials.ts";
import { forwardInto } from "../../support/cluster/forwarding.ts";
import { ADDRESSES, INSIDE } from "../../support/cluster/settings.ts";
import { findProgram } from "../../support/debian.ts";
import { NAMESPACE } from "./cluster.ts";
import { MANIFESTS } from "./kubernetes.ts";

/** A port of a pod, on this machine. */
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

/** Starts the registry of the manifests in {@link NAMESPACE}, and waits until it is ready. */
export async function startRegistry(cluster: Cluster): Promise<void> {
  await cluster.kubectl("apply", "-k", join(MANIFESTS, "overlays/kind/registry"));
  await cluster.kubectl("rollout", "status", "-n", NAMESPACE, "statefulset/oras", "--timeout=120s");
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

/** Starts Debian's registry inside the node, but outside of the pods, with TLS and a password. */
export async function startRemoteRegistry(cluster: Cluster): Promise<RemoteRegistry> {
  const [host, ip, user, password] = ["registry.example.org", ADDRESSES.bridge, "user", "secret"];
  const [folder, pki] = [join(cluster.folder, "remote"), join(cluster.folder, "pki")];
  mkdirSync(folder);
  issueCertificate(pki, "remote-registry", `/CN=${host}`, `DNS:${host},IP:127.0.0.1`);
  writeFileSync(join(folder, "htpasswd"), execFileSync("htpasswd", ["-Bbn", user, password]));
  const tls = {
    certificate: `${INSIDE.state}/pki/remote-registry.crt`,
    key: `${INSIDE.state}/pki/remote-registry.key`,
  };
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: `${INSIDE.state}/remote/data` } },
    http: { addr: `${ip}:443`, tls },
    auth: { htpasswd: { realm: "remote", path: `${INSIDE.state}/remote/htpasswd` } },
  };
  writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
  const program = findProgram("docker-registry") as string;
  cluster.node.start("remote-registry", [program, "serve", `${INSIDE.state}/remote/config.yml`]);
  const port = await forwardInto(cluster.node, "remote-registry", `${ip}:443`);
  return { host, ip, user, password, authority: join(pki, "ca.crt"), address: `127.0.0.1:${port}` };
}
