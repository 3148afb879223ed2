import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../../support/cluster/cluster.ts";
import { NAMESPACE } from "../../support/cluster.ts";
import { killInPod } from "../../support/pod-processes.ts";

const SECONDS = 120;

/** A pod, with the fields that these tests read. */
export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly creationTimestamp: string };
  readonly status: {
    readonly phase: string;
    /** Why Kubernetes ended the pod, for example `Evicted`. `message` explains this reason. */
    readonly reason?: string;
    readonly message?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

/** The state of a container. */
export interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
  readonly state: ContainerState;
  readonly lastState: ContainerState;
}

interface ContainerState {
  readonly running?: object;
  readonly terminated?: Termination;
}

/** How a container ended. */
export interface Termination {
  readonly exitCode: number;
  readonly reason?: string;
  readonly message?: string;
}

/** The running Job of an ending. */
export class RunningStep {
  readonly cluster: Cluster;
  readonly job: string;
  /** The last known state of each pod, in the order in which the pods were created. */
  readonly pods = new Map<string, Pod>();
  readonly #stopWatch: () => void;
  #pod: Pod | undefined;

  constructor(cluster: Cluster, job: string) {
    this.cluster = cluster;
    this.job = job;
    const path = `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=job-name%3D${job}`;
    this.#stopWatch = cluster.api.watch<Pod>(path, (pod) => this.pods.set(pod.metadata.uid, pod));
  }

  /** Stops following the pods. */
  [Symbol.dispose](): void {
    this.#stopWatch();
  }

  /** The name of the current pod. */
  get pod(): string {
    return this.#current.metadata.name;
  }

  /** Waits until the application of a new pod has printed `written`. Makes this pod the current pod. */
  async written(): Promise<void> {
    const previous = this.#pod?.metadata.uid;
    await this.#until("a new pod runs", () => {
      this.#pod = [...this.pods.values()].find(({ metadata, status }) => {
        return metadata.uid !== previous && status.phase === "Running";
      });
      return this.#pod !== undefined;
    });
    const log = `/api/v1/namespaces/${NAMESPACE}/pods/${this.pod}/log?container=application`;
    await this.#until("the application has written its output", async () =>
      /^written$/m.test((await this.cluster.api.log(log)) ?? ""),
    );
  }

  /** Waits until the container with this name has started in at least one pod. */
  async started(container: string): Promise<void> {
    await this.#until(`${container} has started`, () => this.#states(container).some(({ running }) => running));
  }

  /** Waits until the container with this name has ended in at least one pod. */
  async ended(container: string): Promise<void> {
    await this.#until(`${container} has ended`, () => this.#states(container).some(({ terminated }) => terminated));
  }

  /** Waits until any pod has ended. */
  async podEnded(): Promise<void> {
    const ended = ({ status }: Pod) => status.phase === "Failed" || status.phase === "Succeeded";
    await this.#until("a pod has ended", () => [...this.pods.values()].some(ended));
  }

  /** Waits until the container runtime can start a program in the application's container. */
  async reachable(): Promise<void> {
    await this.#until("the container runtime responds", () =>
      this.kubectl("exec", this.pod, "--container=application", "--", "true").then(
        () => true,
        () => false,
      ),
    );
  }

  /** Creates an empty file on the volume of the current pod, as a signal for the application. */
  signal(name: string): void {
    const volume = join("kubelet/pods", this.#current.metadata.uid, "volumes/kubernetes.io~empty-dir/oras");
    writeFileSync(join(this.cluster.folder, volume, name), "");
  }

  /** Sends SIGKILL to each process with a matching command line in the current pod. */
  kill(pattern: RegExp): void {
    if (killInPod(this.#current.metadata.uid, pattern) === 0)
      throw new Error(`no process of ${this.pod} matches ${pattern}`);
  }

  /** Runs kubectl in the namespace of the steps. */
  async kubectl(...args: readonly string[]): Promise<string> {
    return await this.cluster.kubectl("--namespace", NAMESPACE, ...args);
  }

  #states(container: string): ContainerState[] {
    const pods = [...this.pods.values()];
    return containerStatuses(pods, container).flatMap(({ state, lastState }) => [lastState, state]);
  }

  get #current(): Pod {
    if (this.#pod === undefined) throw new Error(`no pod of ${this.job} has written its output`);
    return this.#pod;
  }

  async #until(state: string, isReached: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + SECONDS * 1000;
    while (!(await isReached())) {
      if (Date.now() > end) throw new Error(`${this.job}: after ${SECONDS} s, it is not true that ${state}`);
      await sleep(100);
    }
  }
}

/** Returns the states of a container in all pods of a Job. */
export function containerStatuses(pods: readonly Pod[], container: string): ContainerStatus[] {
  return pods.flatMap(({ status }) =>
    [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].filter(
      ({ name }) => name === container,
    ),
  );
}
