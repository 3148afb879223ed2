import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import manifest from "../../package.json" with { type: "json" };
import { TOOLS_ARCHIVE } from "../../scripts/images.ts";
import { Cluster } from "../../support/cluster/cluster.ts";
import { clusterImages, MPI_IMAGE } from "../../support/cluster/images.ts";
import type { Overlay } from "../../support/cluster/overlay.ts";
import { clusterObstacle } from "../../support/cluster/programs.ts";
import { PROGRAMS } from "../../support/cluster/settings.ts";
import { MANIFESTS } from "./kubernetes.ts";

const BUILT = ["kubernetes", "containerd", "containerd-shim-runc-v2", "ctr", "coredns", "jobset", "pause"];

/** The reason to skip tests in a real cluster. It is false if this machine can run a cluster. */
export const CLUSTER_SKIP: string | false = clusterObstacle() ?? missingPart() ?? false;

/** The namespace of the registry and the steps. It has the `restricted` profile. */
export const NAMESPACE = "experiments";

const [MPI_NAME = "", MPI_TAG = ""] = MPI_IMAGE.split(/:(?=[^:]*$)/);

/**
 * Some images have another name or another tag on the node than in the manifests. This table contains their names and
 * tags on the node.
 */
const LOCAL_IMAGES: NonNullable<Overlay["images"]> = {
  "oras-pod-tools": { newName: "localhost/oras-pod-tools", newTag: manifest.version },
  "lammps-mpi": { newName: MPI_NAME, newTag: MPI_TAG },
};

interface Status {
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string }[];
  };
}

/**
 * Starts a cluster with the image of the tools, the images of {@link clusterImages}, and the images in `archives`. The
 * cluster ends when the caller disposes of it, or at the latest with this process.
 */
export async function startTestCluster(name: string, archives: readonly string[] = []): Promise<Cluster> {
  return await Cluster.start(name, {
    archives: [TOOLS_ARCHIVE, ...(await clusterImages()), ...archives],
    bound: true,
  });
}

/** Applies folders of the manifests with the local images. Uses an overlay, as a user does. */
export async function applyManifests(
  cluster: Cluster,
  folders: readonly string[],
  changes: Omit<Partial<Overlay>, "resources" | "images"> = {},
): Promise<void> {
  await cluster.apply(folders.join("+"), { ...overlayOf(folders), ...changes });
}

function overlayOf(folders: readonly string[]): Overlay {
  return { namespace: NAMESPACE, resources: folders.map((folder) => join(MANIFESTS, folder)), images: LOCAL_IMAGES };
}

/** Renders a folder of the manifests with the local images. Returns the only object in this folder. */
export async function renderManifest<T>(cluster: Cluster, folder: string): Promise<T> {
  return await cluster.render<T>(folder, overlayOf([folder]));
}

/**
 * Waits until a Job has ended. Returns `Complete` or `Failed`. If the Job does not end in time, throws an error with
 * the state of all pods.
 */
export async function waitForJob(cluster: Cluster, name: string, seconds = 120): Promise<string> {
  const end = (job: Status) =>
    job.status?.conditions?.find(({ type, status }) => /^(Complete|Failed)$/.test(type) && status === "True")?.type;
  return await waitForState(cluster, `/apis/batch/v1/namespaces/${NAMESPACE}/jobs/${name}`, end, seconds);
}

/**
 * Waits until a pod has ended. Returns the phase of the pod. If the pod does not end in time, throws an error with the
 * state of all pods.
 */
export async function waitForPod(cluster: Cluster, name: string, seconds = 120): Promise<string> {
  const end = ({ status }: Status) => (/^(Succeeded|Failed)$/.test(status?.phase ?? "") ? status?.phase : undefined);
  return await waitForState(cluster, `/api/v1/namespaces/${NAMESPACE}/pods/${name}`, end, seconds);
}

/**
 * Waits until `stateOf` returns a state for an object, and returns this state. If this takes longer than `seconds`
 * seconds, throws an error with the state of all pods.
 */
export async function waitForState<T, S>(
  cluster: Cluster,
  path: string,
  stateOf: (object: T) => S | undefined,
  seconds: number,
): Promise<S> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    const object = await cluster.api.get<T>(path);
    const state = object === undefined ? undefined : stateOf(object);
    if (state !== undefined) return state;
    await sleep(200);
  }
  throw new Error(`${path} is in no expected state after ${seconds} s\n${await podStates(cluster)}`);
}

/** Describes the state of the pods, for the message of a failed test. */
export async function podStates(cluster: Cluster): Promise<string> {
  const pods = await cluster.kubectl("get", "pods", "-n", NAMESPACE, "-o", "wide");
  const events = await cluster.kubectl("get", "events", "-n", NAMESPACE, "--sort-by=.lastTimestamp");
  return `${pods}\n${events.split("\n").slice(-20).join("\n")}`;
}

function missingPart(): string | undefined {
  const missing = BUILT.find((name) => !existsSync(join(PROGRAMS, name)));
  if (missing !== undefined) return `${missing} is not built: run \`pnpm cluster\``;
  return existsSync(TOOLS_ARCHIVE) ? undefined : "the image of the tools is not built";
}
