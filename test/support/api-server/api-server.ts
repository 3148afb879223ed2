import { generateKeyPairSync } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CACHE } from "../../../support/paths.ts";
import { freePort } from "../../../support/registry/process-registry.ts";
import { type RunningProcess, start } from "../../../support/tools.ts";
import { ApiClient } from "./client.ts";

const PROGRAMS = join(CACHE, "bin");
const NEEDED = ["etcd", "kube-apiserver"];

/** The reason to skip tests that need an API server. It is false if this machine can start an API server. */
export const API_SERVER_SKIP: string | false = NEEDED.every((name) => existsSync(join(PROGRAMS, name)))
  ? false
  : "etcd and kube-apiserver are not built";

const START_SECONDS = 120;

/** A real API server of a Kubernetes that has no nodes. The server accepts and changes objects, but runs no pod. */
export interface ApiServer {
  readonly client: ApiClient;
  /** Creates a namespace, and the default service account of this namespace. */
  createNamespace(name: string, labels?: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an API server that keeps its state in a folder. */
export async function startApiServer(folder: string): Promise<ApiServer> {
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const token = "test-token";
  writeFileSync(join(folder, "tokens.csv"), `${token},admin,admin,"system:masters"\n`);
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(join(folder, "sa.key"), privateKey.export({ type: "pkcs1", format: "pem" }));
  const etcd = start(join(PROGRAMS, "etcd"), etcdArguments(folder, etcdPort, peerPort), { stdio: "ignore" });
  const server = start(join(PROGRAMS, "kube-apiserver"), serverArguments(folder, etcdPort, port), {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const client = new ApiClient(port, token);
  await untilReady(client, server);
  return {
    client,
    createNamespace: (name, labels = {}) => createNamespace(client, name, labels),
    stop: async () => {
      client.close();
      for (const { child } of [server, etcd]) child.kill("SIGKILL");
      await Promise.all([server.ended, etcd.ended]);
    },
  };
}

function etcdArguments(folder: string, port: number, peerPort: number): string[] {
  const url = `http://127.0.0.1:${port}`;
  return [
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    "--unsafe-no-fsync",
  ];
}

function serverArguments(folder: string, etcdPort: number, port: number): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    `--secure-port=${port}`,
    "--bind-address=127.0.0.1",
    `--cert-dir=${join(folder, "certificates")}`,
    "--service-account-issuer=https://test",
    `--service-account-key-file=${join(folder, "sa.key")}`,
    `--service-account-signing-key-file=${join(folder, "sa.key")}`,
    `--token-auth-file=${join(folder, "tokens.csv")}`,
    "--authorization-mode=RBAC",
    "--service-cluster-ip-range=10.96.0.0/24",
  ];
}

async function untilReady(client: ApiClient, server: RunningProcess): Promise<void> {
  const end = Date.now() + START_SECONDS * 1000;
  while (Date.now() < end) {
    const answer = await client.send("GET", "/readyz").catch(() => undefined);
    if (answer?.status === 200) return;
    if (server.child.exitCode !== null)
      throw new Error(`kube-apiserver ended: ${(await server.ended).stderr.slice(-2000)}`);
    await sleep(200);
  }
  throw new Error(`kube-apiserver is not ready after ${START_SECONDS} s`);
}

async function createNamespace(
  client: ApiClient,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  await client.create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
  await client.create(`/api/v1/namespaces/${name}/serviceaccounts`, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default" },
  });
}
