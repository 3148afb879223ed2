import { existsSync, readFileSync, statSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { SHARE } from "shared/pod/markers";
import { Podman } from "../../../support/podman.ts";
import { kustomize, validate } from "../kubernetes.ts";
import { type Pod, podsOf } from "../pod-spec.ts";
import { nativeSidecars, type PlayablePod, toPlayablePod, volumeName } from "./playable.ts";

/** The result of a pod. */
export interface PodRun {
  readonly name: string;
  /** The exit codes of the containers, by name. */
  readonly exitCodes: Readonly<Record<string, number>>;
  /**
   * The time when the launcher had saved the outputs, in milliseconds since 1970. NaN if the launcher did not save
   * them.
   */
  readonly savedAt: number;
  /** The output of the containers, by name. */
  readonly logs: Readonly<Record<string, string>>;
  /** Returns the folder of a volume on this machine. It still exists after the run. */
  volume(name: string): string;
}

/** A tagged artifact in the registry. */
export interface TaggedArtifact {
  readonly digest: string;
  /** The time when the registry wrote the tag, in milliseconds since 1970. */
  readonly at: number;
  readonly annotations: Readonly<Record<string, string>>;
}

const NAMESPACE = "experiments";

const REGISTRY_POD = "oras-0";

const REGISTRY_PORT = 5000;

/** Uses podman in place of a cluster. Runs the registry and other pods of the manifests in one network. */
export class Cluster {
  readonly #podman: Podman;
  readonly #images: Readonly<Record<string, string>>;
  #hosts: Readonly<Record<string, string>> = {};
  #forward: Server | undefined;

  /**
   * `store` is the folder of another {@link Podman}. The pods can also use its images. `images` maps the images of the
   * manifests to the images that replace them.
   */
  constructor(folder: string, store: string, images: Readonly<Record<string, string>>) {
    this.#podman = new Podman(folder, [store]);
    this.#images = images;
  }

  /**
   * Starts the registry, and forwards a local port to the registry, as `kubectl port-forward` does. Returns the local
   * address.
   */
  async start(registry: Pod): Promise<string> {
    await this.#podman.run("network", "create", "pods");
    await this.#podman.play(this.#convert(registry, REGISTRY_POD), "pods");
    const infra = await this.#podman.run("pod", "inspect", "--format", "{{.InfraContainerID}}", REGISTRY_POD);
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    const address = (await this.#podman.run("inspect", "--format", format, infra.trim())).trim();
    this.#hosts = { [`${REGISTRY_POD}.oras.${NAMESPACE}.svc.cluster.local`]: address };
    this.#forward = await forward(address, REGISTRY_PORT);
    return `localhost:${(this.#forward.address() as AddressInfo).port}`;
  }

  /**
   * Runs a pod until it ends. Stops the native sidecars when the other containers have ended, as the kubelet does. The
   * pod is not removed, because that would remove its volumes.
   */
  async run(pod: Pod, name: string): Promise<PodRun> {
    const manifest = this.#convert(pod, name);
    await this.#podman.play(manifest, "pods");
    const natives = nativeSidecars(pod);
    const exitCodes: Record<string, number> = {};
    const logs: Record<string, string> = {};
    for (const container of nativesLast(manifest, natives)) {
      const id = `${name}-${container}`;
      if (natives.includes(container)) await this.#podman.run("stop", "--time", "60", id);
      exitCodes[container] = (await this.#podman.waitForExit(id)).exitCode;
      logs[container] = await this.#podman.runCombined("logs", id);
    }
    const volumes: Record<string, string> = {};
    for (const volume of pod.spec.volumes ?? []) volumes[volume.name] = await this.#volumeFolder(name, volume.name);
    const folder = (volume: string) => volumes[volume] as string;
    return { name, exitCodes, logs, savedAt: savedAt(folder("oras")), volume: folder };
  }

  /** Reads a tagged artifact from the registry. If the registry returns an error status, throws an error with it. */
  async readTag(address: string, repository: string, tag: string): Promise<TaggedArtifact> {
    const accept = { accept: "application/vnd.oci.image.manifest.v1+json" };
    const response = await fetch(`http://${address}/v2/${repository}/manifests/${tag}`, { headers: accept });
    if (!response.ok) throw new Error(`cannot read ${repository}:${tag}: HTTP status ${response.status}`);
    const { annotations = {} } = (await response.json()) as { annotations?: Record<string, string> };
    const storage = await this.#volumeFolder(REGISTRY_POD, "storage");
    const link = join(storage, "docker/registry/v2/repositories", repository, "_manifests/tags", tag, "current/link");
    return { digest: response.headers.get("docker-content-digest") ?? "", at: statSync(link).mtimeMs, annotations };
  }

  async #volumeFolder(pod: string, volume: string): Promise<string> {
    const args = ["volume", "inspect", "--format", "{{.Mountpoint}}", volumeName(pod, volume)];
    return (await this.#podman.run(...args)).trim();
  }

  #convert(pod: Pod, name: string): PlayablePod {
    return toPlayablePod(pod, name, { namespace: NAMESPACE, node: "here", hosts: this.#hosts, images: this.#images });
  }

  /** Stops and removes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#forward?.close();
    await this.#podman[Symbol.asyncDispose]();
  }
}

/**
 * Returns the pods that `kubectl apply -k` would create for a folder of the manifests. The key of a pod is the name of
 * the object in the manifest: the pod itself, or the object whose controller creates the pod.
 */
export async function podsOfManifest(folder: string): Promise<Readonly<Record<string, Pod>>> {
  const objects = (await validate([await kustomize(folder)])).flat().map(({ object }) => object);
  return Object.fromEntries(objects.flatMap((object) => podsOf(object).map((pod) => [object.metadata.name, pod])));
}

/** Returns the names of a pod's containers. The native sidecars come last. */
function nativesLast({ spec }: PlayablePod, natives: readonly string[]): string[] {
  const names = spec.containers.map(({ name }) => name);
  return [...names.filter((name) => !natives.includes(name)), ...names.filter((name) => natives.includes(name))];
}

/** Returns the end time in the done marker. Returns NaN if there is no marker. */
function savedAt(share: string): number {
  const marker = join(share, SHARE.done);
  return existsSync(marker) ? Date.parse(JSON.parse(readFileSync(marker, "utf8")).finishedAt) : Number.NaN;
}

async function forward(host: string, port: number): Promise<Server> {
  const server = createServer((socket) => {
    const target = connect(port, host);
    connectStreams(socket, target);
    connectStreams(target, socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return server;
}

function connectStreams(from: Socket, to: Socket): void {
  pipeline(from, to, () => {});
}
