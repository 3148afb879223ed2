import { existsSync, readFileSync, statSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { SHARE } from "shared/pod/markers";
import { Podman } from "../../../support/podman.ts";
import { check, type KubernetesObject, kustomize } from "../kubernetes.ts";
import { type Pod, podsOf } from "../pod-spec.ts";
import { nativeSidecars, type PlayablePod, playable, type Surroundings, volumeName } from "./playable.ts";

/** How a pod ended. */
export interface PodRun {
  readonly name: string;
  /** By the containers' names. */
  readonly exitCodes: Readonly<Record<string, number>>;
  /** When the launcher had saved what the application left, in milliseconds since 1970; NaN for never. */
  readonly savedAt: number;
  /** What the containers said, by their names. */
  readonly logs: Readonly<Record<string, string>>;
  /** Where one of its volumes lies, and stays. */
  volume(name: string): string;
}

/** An artifact as the registry has it. */
export interface Tagged {
  readonly digest: string;
  /** When the tag was written, in milliseconds since 1970. */
  readonly at: number;
  readonly annotations: Readonly<Record<string, string>>;
}

const NAMESPACE = "experiments";

/** The port on which the registry of the manifests listens. */
const REGISTRY_PORT = 5000;

/** A podman that stands for a cluster: a network, the registry of the manifests, and pods of the manifests. */
export class Cluster {
  readonly #podman: Podman;
  readonly #images: Readonly<Record<string, string>>;
  #hosts: Readonly<Record<string, string>> = {};
  #forward: Server | undefined;

  /** `store` is the folder of a podman whose images the pods may use; `images`, those that stand for the manifests'. */
  constructor(folder: string, store: string, images: Readonly<Record<string, string>>) {
    this.#podman = new Podman(folder, [store]);
    this.#images = images;
  }

  /** Starts the registry, and a way to it from outside, as `kubectl port-forward` makes one. Gives its address there. */
  async start(registry: Pod): Promise<string> {
    await this.#podman.run("network", "create", "pods");
    await this.#podman.play(this.#playable(registry, "oras-0"), "pods");
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    const infra = (await this.#podman.run("pod", "inspect", "--format", "{{.InfraContainerID}}", "oras-0")).trim();
    const address = (await this.#podman.run("inspect", "--format", format, infra)).trim();
    this.#hosts = { [`oras-0.oras.${NAMESPACE}.svc.cluster.local`]: address };
    this.#forward = await forward(address, REGISTRY_PORT);
    return `localhost:${(this.#forward.address() as AddressInfo).port}`;
  }

  /**
   * Runs a pod to its end, as the kubelet does: native sidecars are told to end when the others have ended. The pod stays,
   * for its volumes would go with it.
   */
  async run(pod: Pod, name: string): Promise<PodRun> {
    const manifest = this.#playable(pod, name);
    await this.#podman.play(manifest, "pods");
    const natives = nativeSidecars(pod);
    const exitCodes: Record<string, number> = {};
    const logs: Record<string, string> = {};
    const { containers } = manifest.spec;
    const inOrder = [...containers].sort(
      (one, other) => Number(natives.includes(one.name)) - Number(natives.includes(other.name)),
    );
    for (const container of inOrder) {
      const id = `${name}-${container.name}`;
      if (natives.includes(container.name)) await this.#podman.run("stop", "--time", "60", id);
      exitCodes[container.name] = (await this.#podman.ended(id)).exitCode;
      logs[container.name] = await this.#podman.said("logs", id);
    }
    const mountPoint = async (volume: string) => {
      const args = ["volume", "inspect", "--format", "{{.Mountpoint}}", volumeName(name, volume)];
      return [volume, (await this.#podman.run(...args)).trim()];
    };
    const volumes = Object.fromEntries(
      await Promise.all((pod.spec.volumes ?? []).map((each) => mountPoint(each.name))),
    );
    return {
      name,
      exitCodes,
      logs,
      savedAt: savedAt(volumes.oras as string),
      volume: (volume) => volumes[volume] as string,
    };
  }

  /** What the registry has under a tag. */
  async tagged(address: string, repository: string, tag: string): Promise<Tagged> {
    const accept = { accept: "application/vnd.oci.image.manifest.v1+json" };
    const response = await fetch(`http://${address}/v2/${repository}/manifests/${tag}`, { headers: accept });
    if (!response.ok) throw new Error(`${repository}:${tag}: the registry answers ${response.status}`);
    const { annotations = {} } = (await response.json()) as { annotations?: Record<string, string> };
    const storage = (
      await this.#podman.run("volume", "inspect", "--format", "{{.Mountpoint}}", volumeName("oras-0", "storage"))
    ).trim();
    const link = join(storage, "docker/registry/v2/repositories", repository, "_manifests/tags", tag, "current/link");
    return { digest: response.headers.get("docker-content-digest") ?? "", at: statSync(link).mtimeMs, annotations };
  }

  #playable(pod: Pod, name: string): PlayablePod {
    const surroundings: Surroundings = { namespace: NAMESPACE, node: "here", hosts: this.#hosts, images: this.#images };
    return playable(pod, name, surroundings);
  }

  /** Ends and removes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#forward?.close();
    await this.#podman[Symbol.asyncDispose]();
  }
}

/** The pods of a folder of the manifests, by the names of what makes them, as `kubectl apply -k` would make them. */
export async function podsOfManifest(folder: string): Promise<Readonly<Record<string, Pod>>> {
  const checked = (await check([await kustomize(folder)])).flat();
  const objects: KubernetesObject[] = checked.map(({ object }) => object);
  return Object.fromEntries(objects.flatMap((object) => podsOf(object).map((pod) => [object.metadata.name, pod])));
}

/** The done marker tells; NaN where there is none. */
function savedAt(share: string): number {
  const marker = join(share, SHARE.done);
  return existsSync(marker) ? Date.parse(JSON.parse(readFileSync(marker, "utf8")).finishedAt) : Number.NaN;
}

async function forward(host: string, port: number): Promise<Server> {
  const server = createServer((socket) => {
    const target = connect(port, host);
    for (const [from, to] of [
      [socket, target],
      [target, socket],
    ] as const)
      pipeline(from, to, () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return server;
}
