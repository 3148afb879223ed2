import type { KubernetesObject } from "./kubernetes.ts";

/** The fields of a container that the tests read. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly restartPolicy?: string;
  readonly workingDir?: string;
  readonly env?: readonly Variable[];
  readonly ports?: readonly { readonly hostPort?: number }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string>>;
    readonly limits?: Readonly<Record<string, string>>;
  };
  readonly securityContext?: SecurityContext;
  readonly volumeMounts?: readonly VolumeMount[];
}

/** A probe of a container. */
export interface Probe {
  readonly exec?: { readonly command: readonly string[] };
  /** The time limit of the probe. The default of Kubernetes is one second. */
  readonly timeoutSeconds?: number;
}

/** An environment variable. Its value is a text or a field of the pod. */
export interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

/** The mount of a volume in a container. */
export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
}

/** The user and the permissions of a pod or a container. */
export interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly seccompProfile?: { readonly type: string };
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
}

/** A volume has a name and one more field. The name of this second field is the kind of the volume. */
export type Volume = { readonly name: string } & Readonly<Record<string, unknown>>;

/** The fields of a pod that the tests read. */
export interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly restartPolicy?: string;
  readonly activeDeadlineSeconds?: number;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: SecurityContext;
  readonly volumes?: readonly Volume[];
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
}

/** A pod. Either the pod is itself an object of a manifest, or the controller of such an object creates the pod. */
export interface Pod {
  /** A unique name for messages, such as `JobSet lammps-mpi-0, worker`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  /** The names of the volumes that the pod's controller creates for this pod. */
  readonly claims: readonly string[];
  /** The environment variables that the pod's controller sets in each container of this pod. */
  readonly variables: NodeJS.ProcessEnv;
}

interface Template {
  readonly metadata?: Partial<Pick<Pod, "labels" | "annotations">>;
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

/**
 * Returns the pods of an object. Returns an empty list if the object has no pods. Throws if this function does not know
 * where the object's pods are.
 */
export function podsOf(object: KubernetesObject): Pod[] {
  const name = `${object.kind} ${object.metadata.name}`;
  if (object.kind === "Pod") return [pod(name, object as Template)];
  if (object.kind === "Job") return [podOfJob(name, object.spec as JobSpec)];
  if (object.kind === "Deployment") return [pod(name, (object.spec as JobSpec).template)];
  if (object.kind === "StatefulSet") return [podOfStatefulSet(name, object.spec as StatefulSetSpec)];
  if (object.kind === "JobSet") return podsOfJobSet(name, object);
  if (JSON.stringify(object).includes('"containers":')) throw new Error(`podsOf does not know the pods of ${name}`);
  return [];
}

function podOfStatefulSet(name: string, { template, volumeClaimTemplates = [] }: StatefulSetSpec): Pod {
  return { ...pod(name, template), claims: volumeClaimTemplates.map(({ metadata }) => metadata.name) };
}

function podsOfJobSet(name: string, { metadata, spec }: KubernetesObject): Pod[] {
  const labels = { "jobset.sigs.k8s.io/jobset-name": metadata.name };
  return (spec as JobSetSpec).replicatedJobs.map((replicated) => {
    // The default completion mode of a JobSet's Jobs is Indexed.
    const job = podOfJob(`${name}, ${replicated.name}`, { completionMode: "Indexed", ...replicated.template.spec });
    return { ...job, labels: { ...job.labels, ...labels } };
  });
}

function pod(name: string, { metadata, spec }: Template): Pod {
  const { labels = {}, annotations = {} } = metadata ?? {};
  return { name, labels, annotations, spec, claims: [], variables: {} };
}

function podOfJob(name: string, { completionMode, template }: JobSpec): Pod {
  const variables = completionMode === "Indexed" ? { JOB_COMPLETION_INDEX: "0" } : {};
  return { ...pod(name, template), variables };
}

/** Returns all containers of a pod, in the order in which they start. */
export function containersOf({ spec }: Pod): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/**
 * Returns the value of the annotation that a field path names, such as `metadata.annotations['example.org/name']`.
 * Returns an empty text if the annotation is missing. Returns undefined if the path does not name an annotation.
 */
export function annotationAt(fieldPath: string, { annotations }: Pick<Pod, "annotations">): string | undefined {
  const [, name] = /^metadata\.annotations\['(.+)'\]$/.exec(fieldPath) ?? [];
  return name === undefined ? undefined : (annotations[name] ?? "");
}

/** Returns the mount that contains a path. Returns undefined if the path is in the container's own file system. */
export function mountOf(path: string, { volumeMounts = [] }: Container): VolumeMount | undefined {
  const candidates = volumeMounts.filter(({ mountPath }) => `${path}/`.startsWith(`${mountPath}/`));
  return candidates.sort((a, b) => b.mountPath.length - a.mountPath.length)[0];
}
