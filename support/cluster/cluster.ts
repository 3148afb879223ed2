import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { DEBIAN_ARCH } from "../debian-root.ts";
import { type RunningProcess, start } from "../tools.ts";
import { Api } from "./api.ts";
import { removeCgroup } from "./cgroups.ts";
import { type ComponentName, componentCommand } from "./components.ts";
import { writeConfiguration } from "./configuration.ts";
import { kubeconfig } from "./credentials.ts";
import { forwardInto } from "./forwarding.ts";
import { cgroupName, logFile, Node } from "./node.ts";
import { type Overlay, writeOverlay } from "./overlay.ts";
import { ADDRESSES, CLUSTERS, FILES, INSIDE, NODE_NAME, PROGRAMS } from "./settings.ts";

/** How to start a cluster. */
export interface ClusterPlan {
  /** The archives of the images for the node. */
  readonly archives: readonly string[];
  /** Whether the cluster ends with this process. */
  readonly bound: boolean;
  /** Receives a line for each step. */
  readonly report?: (line: string) => void;
}

/** The number of persistent volumes. The cluster has no provisioner that could create more volumes. */
const VOLUMES = 4;

/** A Kubernetes cluster with one node. The node has its own Linux namespaces. */
export class Cluster {
  readonly folder: string;
  readonly node: Node;
  readonly api: Api;

  private constructor(node: Node) {
    this.folder = node.folder;
    this.node = node;
    const { port } = JSON.parse(readFileSync(join(node.folder, PORT_FILE), "utf8")) as { port: number };
    this.api = new Api(join(node.folder, "pki"), port);
  }

  /**
   * Starts an empty cluster. The cluster keeps its state in `.cache/cluster/NAME`. Stops an earlier cluster of this
   * name. Throws an error with the last lines of the logs if a component does not start.
   */
  static async start(name: string, { archives, bound, report = () => {} }: ClusterPlan): Promise<Cluster> {
    const folder = join(CLUSTERS, name);
    await Cluster.stop(name);
    // If a user deleted the files of the earlier cluster, `stop` did not find the cluster, and its cgroup remained.
    await removeCgroup(cgroupName(folder));
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeConfiguration(folder, cgroupName(folder));
    try {
      report("creating the namespaces of the node");
      const node = await Node.start(folder, bound);
      await forwardApi(node);
      const cluster = new Cluster(node);
      await cluster.#boot(archives, report);
      return cluster;
    } catch (error) {
      const logs = lastLines(folder);
      await Cluster.stop(name);
      throw new Error(`cannot start the cluster: ${(error as Error).message}\n${logs}`);
    }
  }

  /** Returns the running cluster with a name. Returns undefined if there is no such cluster. */
  static find(name: string): Cluster | undefined {
    const node = Node.find(join(CLUSTERS, name));
    return node === undefined ? undefined : new Cluster(node);
  }

  /** Stops a cluster and removes its files, except the logs. Returns false if there was no such cluster. */
  static async stop(name: string): Promise<boolean> {
    const folder = join(CLUSTERS, name);
    if (!existsSync(join(folder, FILES.node))) return false;
    await Node.stop(folder);
    for (const file of readdirSync(folder))
      if (file !== FILES.logs) rmSync(join(folder, file), { recursive: true, force: true });
    return true;
  }

  /** The names of all clusters of this clone that have not been stopped. */
  static names(): string[] {
    if (!existsSync(CLUSTERS)) return [];
    return readdirSync(CLUSTERS).filter((name) => existsSync(join(CLUSTERS, name, FILES.node)));
  }

  /** The path of the administrator's kubeconfig for programs outside of the node's namespaces. */
  get kubeconfig(): string {
    return join(this.folder, FILES.kubeconfig);
  }

  /** Runs kubectl and returns its stdout. Throws an error with kubectl's stderr if kubectl fails. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const options = { env: this.environment(), cwd: this.folder, maxBuffer: 2 ** 28 };
    const { stdout } = await promisify(execFile)(join(PROGRAMS, "kubectl"), args, options);
    return stdout;
  }

  /** Starts kubectl. `input` is its stdin. */
  startKubectl(args: readonly string[], input?: string): RunningProcess {
    const options = {
      env: this.environment(),
      cwd: this.folder,
      stdio: ["pipe" as const, "pipe" as const, "pipe" as const],
    };
    const running = start(join(PROGRAMS, "kubectl"), args, options);
    running.child.stdin?.end(input);
    return running;
  }

  /** The environment in which `kubectl` is on PATH and uses this cluster. */
  environment(): NodeJS.ProcessEnv {
    return { HOME: this.folder, KUBECONFIG: this.kubeconfig, PATH: `${PROGRAMS}:${process.env.PATH}` };
  }

  /** Creates objects from JSON, with strict validation. */
  async create(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: "v1", kind: "List", items: objects };
    const { code, stderr } = await this.startKubectl(["apply", "-f", "-"], JSON.stringify(list)).ended;
    if (code !== 0) throw new Error(`kubectl apply exited with ${code}: ${stderr}`);
  }

  /** Applies folders of manifests as a user does: through an overlay. `name` is the name of the overlay's folder. */
  async apply(name: string, overlay: Overlay): Promise<void> {
    await this.kubectl("apply", "--validate=strict", "-k", this.#writeOverlay(name, overlay));
  }

  /** Returns the only object of an overlay. Does not create this object in the cluster. */
  async render<T>(name: string, overlay: Overlay): Promise<T> {
    const folder = this.#writeOverlay(name, overlay);
    return JSON.parse(await this.kubectl("create", "--dry-run=client", "-o", "json", "-k", folder)) as T;
  }

  /** Puts the images of an archive onto the node. */
  async importImages(archive: string): Promise<void> {
    const ctr = [`${INSIDE.programs}/ctr`, "--namespace", "k8s.io", "images", "import"];
    const platform = `linux/${DEBIAN_ARCH[process.arch as keyof typeof DEBIAN_ARCH]}`;
    await this.node.exec(...ctr, "--platform", platform, archive);
  }

  /** Kills a component with SIGKILL and starts it again. */
  async restart(name: ComponentName): Promise<void> {
    await this.node.kill(name);
    this.#startComponents(name);
  }

  /** Stops this cluster. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Cluster.stop(basename(this.folder));
  }

  async #boot(archives: readonly string[], report: (line: string) => void): Promise<void> {
    report("starting etcd, the API server and containerd");
    this.#startComponents("etcd", "kube-apiserver", "containerd");
    await Promise.all([this.api.untilReady(120), this.#importAll(archives)]);
    report("starting the kubelet and the controllers");
    this.#startComponents("kube-controller-manager", "kube-scheduler", "coredns", "kubelet");
    await this.create(...Array.from({ length: VOLUMES }, (_, index) => this.#volume(index)));
    for (const condition of ["create", "condition=Ready"])
      await this.kubectl("wait", "node", NODE_NAME, `--for=${condition}`, "--timeout=120s");
  }

  #writeOverlay(name: string, overlay: Overlay): string {
    const folder = join(this.folder, "overlays", name);
    writeOverlay(folder, overlay);
    return folder;
  }

  async #importAll(archives: readonly string[]): Promise<void> {
    await this.#untilContainerd();
    for (const archive of archives) await this.importImages(archive);
  }

  async #untilContainerd(): Promise<void> {
    for (let attempt = 0; attempt < 300; attempt++) {
      try {
        await this.node.exec("test", "-S", INSIDE.containerd);
        return;
      } catch {
        await sleep(100);
      }
    }
    throw new Error("containerd does not listen after 30 s");
  }

  #startComponents(...names: readonly ComponentName[]): void {
    for (const name of names) this.node.start(name, componentCommand(name));
  }

  /**
   * A `local` volume in a folder of the node. It is not a `hostPath` volume, because the kubelet does not apply
   * `fsGroup` to such volumes.
   */
  #volume(index: number): object {
    const name = `volume-${index}`;
    const path = join(FILES.volumes, name);
    mkdirSync(join(this.folder, path), { recursive: true });
    const hostname = { key: "kubernetes.io/hostname", operator: "In", values: [NODE_NAME] };
    return {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name },
      spec: {
        capacity: { storage: "10Gi" },
        accessModes: ["ReadWriteOnce"],
        persistentVolumeReclaimPolicy: "Retain",
        local: { path: join(INSIDE.state, path) },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [hostname] }] } },
      },
    };
  }
}

const PORT_FILE = "port.json";

/** Makes the API server reachable from outside of the node's namespaces, and writes a kubeconfig for this access. */
async function forwardApi(node: Node): Promise<void> {
  const port = await forwardInto(node, "api", ADDRESSES.api);
  writeFileSync(join(node.folder, PORT_FILE), JSON.stringify({ port }));
  const config = kubeconfig(join(node.folder, "pki"), "admin", `https://127.0.0.1:${port}`);
  writeFileSync(join(node.folder, FILES.kubeconfig), config, { mode: 0o600 });
}

/** Returns the last lines of each log of a cluster. */
function lastLines(folder: string): string {
  const logs = join(folder, FILES.logs);
  if (!existsSync(logs)) return "";
  const names = readdirSync(logs).map((name) => basename(name, ".log"));
  return names
    .map(
      (name) => `${name}: ${readFileSync(logFile(folder, name), "utf8").trimEnd().split("\n").slice(-3).join("\n  ")}`,
    )
    .join("\n");
}
