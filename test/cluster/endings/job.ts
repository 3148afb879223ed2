import type { Cluster } from "../../../support/cluster/cluster.ts";
import { renderManifest } from "../../support/cluster.ts";
import type { Container } from "../../support/pod-spec.ts";

/** The fields of a Job that the tests can change. */
export interface Job {
  readonly metadata: { name: string };
  readonly spec: {
    backoffLimit: number;
    podFailurePolicy?: object;
    readonly template: {
      readonly spec: {
        restartPolicy: string;
        activeDeadlineSeconds: number;
        terminationGracePeriodSeconds: number;
        volumes: { name: string; emptyDir: { sizeLimit: string } }[];
        readonly initContainers: readonly [install: Container, sidecar: MutableContainer];
        readonly containers: readonly [application: MutableContainer];
      };
    };
  };
}

type MutableContainer = { -readonly [Key in keyof Container]: Container[Key] };

/** The differences between the Job of an ending and the Job of `images/manifests/job`. */
export interface JobChanges {
  /** The command of the application. */
  readonly command: readonly string[];
  /** More options of the launcher. */
  readonly launcher?: readonly string[];
  /** The path of the output. The default is a folder on the shared volume. */
  readonly output?: string;
  /** More options of the sidecar. */
  readonly sidecar?: readonly string[];
  /** More variables of the sidecar. */
  readonly env?: Readonly<Record<string, string>>;
  /** The input as REPOSITORY:TAG, in the same registry as the output. By default, the Job has no input. */
  readonly input?: string;
  /** Other changes. */
  readonly edit?: (job: Job) => void;
}

/** The first part of each repository name in these tests, such as `endings/NAME`. */
export const REPOSITORY = "endings";

/** The default folder for the output of the application. */
export const OUTPUT = "/mnt/oras/out";

/** Returns the Job that a user applies with `images/manifests/job`. */
export async function standardJob(cluster: Cluster): Promise<Job> {
  return await renderManifest<Job>(cluster, "job");
}

/**
 * Returns a copy of the Job with another name and other containers. The copy pushes to the tag `run` of a repository
 * whose name ends with the name of the copy. Unless `changes` sets another `backoffLimit`, Kubernetes starts no new pod
 * after a failure.
 */
export function changedJob(standard: Job, name: string, host: string, changes: JobChanges): Job {
  const job = structuredClone(standard);
  job.metadata.name = name;
  job.spec.backoffLimit = 0;
  const { initContainers, containers } = job.spec.template.spec;
  const [application] = containers;
  const [, sidecar] = initContainers;
  const { command, output = OUTPUT, launcher = [], input } = changes;
  application.command = ["/mnt/oras/bin/launcher", "--wait-push", "--output", output, ...launcher, "--", ...command];
  const from = input === undefined ? "NA" : `${host}/${input}`;
  const to = `${host}/${REPOSITORY}/${name}:run`;
  sidecar.command = ["oras-push", "sidecar", "--native", ...(changes.sidecar ?? []), from, to];
  const variables = Object.entries(changes.env ?? {}).map(([key, value]) => ({ name: key, value }));
  sidecar.env = [...(sidecar.env ?? []), ...variables];
  // If the step has an input, the launcher waits for it. Therefore, the sidecar needs no startup probe, as in
  // `images/manifests/workflow/all.yaml`.
  if (input !== undefined) delete sidecar.startupProbe;
  changes.edit?.(job);
  return job;
}

/** Limits the memory of the application and the launcher together. */
export function limitMemory(job: Job): void {
  job.spec.template.spec.containers[0].resources = { limits: { memory: "128Mi" } };
}

/** Limits the size of the shared volume. The tools alone need 100 MB. */
export function limitVolume(job: Job): void {
  const volume = job.spec.template.spec.volumes.find(({ name }) => name === "oras");
  if (volume !== undefined) volume.emptyDir.sizeLimit = "150Mi";
}

/** Adds a folder /tmp that only the application sees. */
export function addTemporaryFolder(job: Job): void {
  const { containers, volumes } = job.spec.template.spec;
  volumes.push({ name: "tmp", emptyDir: { sizeLimit: "10Mi" } });
  const [application] = containers;
  application.volumeMounts = [...(application.volumeMounts ?? []), { name: "tmp", mountPath: "/tmp" }];
}

/** Makes the kubelet restart a failed application in the same pod. */
export function restartOnFailure(job: Job): void {
  job.spec.template.spec.restartPolicy = "OnFailure";
  job.spec.backoffLimit = 3;
  // Kubernetes requires this for `OnFailure`.
  delete job.spec.podFailurePolicy;
}
