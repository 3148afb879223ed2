import type { KubernetesObject } from "./kubernetes.ts";

/** What of a container the tests look at. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly restartPolicy?: string;
  readonly workingDir?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly hostPort?: number }[];
  readonly startupProbe?: { readonly exec?: { readonly command: readonly string[] } };
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string>>;
    readonly limits?: Readonly<Record<string, string>>;
  };
  readonly securityContext?: SecurityContext;
  readonly volumeMounts?: readonly VolumeMount[];
}

/** Where a container sees a volume. */
export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
}

/** Who a container runs as, and what it may do. */
export interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly seccompProfile?: { readonly type: string };
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
}

/** A volume: its name, and one more field, which says of what kind it is. */
export type Volume = { readonly name: string } & Readonly<Record<string, unknown>>;

/** What of a pod the tests look at. */
export interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly restartPolicy?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: SecurityContext;
  readonly volumes?: readonly Volume[];
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
}

/** A pod as an object has it, or as it will make it. */
export interface Pod {
  /** What tells it from others, such as `JobSet lammps-mpi-0, worker`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  /** Volumes that the object makes for each of its pods. */
  readonly claims: readonly string[];
  /** Variables that the object's controller gives to each container. */
  readonly variables: NodeJS.ProcessEnv;
}

interface Template {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: PodSpec;
}

interface JobSpec {
  readonly completionMode?: string;
  readonly template: Template;
}

interface StatefulSetSpec {
  readonly template: Template;
  readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
}

interface JobSetSpec {
  readonly replicatedJobs: readonly { readonly name: string; readonly template: { readonly spec: JobSpec } }[];
}

/** The pods of an object; none for one that has none. */
export function podsOf(object: KubernetesObject): Pod[] {
  const name = `${object.kind} ${object.metadata.name}`;
  if (object.kind === "Pod") return [pod(name, object as Template)];
  if (object.kind === "Job") return [podOfJob(name, object.spec as JobSpec)];
  if (object.kind === "StatefulSet") {
    const { template, volumeClaimTemplates = [] } = object.spec as StatefulSetSpec;
    return [{ ...pod(name, template), claims: volumeClaimTemplates.map(({ metadata }) => metadata.name) }];
  }
  if (object.kind !== "JobSet") return [];
  const { replicatedJobs } = object.spec as JobSetSpec;
  const labels = { "jobset.sigs.k8s.io/jobset-name": object.metadata.name };
  return replicatedJobs.map((replicated) => {
    // JobSet makes its Jobs indexed ones where nothing else is said.
    const made = podOfJob(`${name}, ${replicated.name}`, { completionMode: "Indexed", ...replicated.template.spec });
    return { ...made, labels: { ...made.labels, ...labels } };
  });
}

function pod(name: string, { metadata, spec }: Template): Pod {
  return { name, labels: metadata?.labels ?? {}, spec, claims: [], variables: {} };
}

function podOfJob(name: string, { completionMode, template }: JobSpec): Pod {
  const variables = completionMode === "Indexed" ? { JOB_COMPLETION_INDEX: "0" } : {};
  return { ...pod(name, template), variables };
}

/** All containers of a pod, in the order in which they start. */
export function containersOf({ spec }: Pod): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/** The mount that holds a path; undefined where the path lies in the container's own file system. */
export function mountOf(path: string, { volumeMounts = [] }: Container): VolumeMount | undefined {
  const holding = volumeMounts.filter(({ mountPath }) => `${path}/`.startsWith(`${mountPath}/`));
  return holding.sort((a, b) => b.mountPath.length - a.mountPath.length)[0];
}
