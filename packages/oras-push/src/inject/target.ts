import { type GivenAnnotations, partValues } from "./annotation-values.ts";
import { OWN_PREFIX } from "./annotations.ts";
import { messageText } from "./messages.ts";
import { COMPLETION_INDEX, FILE_SOURCES, NAMES, PATHS, VARIABLES } from "./parts.ts";
import type { Container, EnvironmentVariable, PodTemplate } from "./pod.ts";

/** The names of the volumes that injection adds. */
export const VOLUME_NAMES: readonly string[] = [
  NAMES.share,
  NAMES.tools,
  NAMES.noToken,
  ...FILE_SOURCES.map(({ volume }) => volume),
];

/** The paths at which injection mounts volumes into the application's container. */
export const MOUNT_PATHS: readonly string[] = [PATHS.share, PATHS.tools];

/** The annotation with the condition of `--only-if`. */
export const CONDITION = `${OWN_PREFIX}only-if`;

/** Injection does not copy these variables from the application's container, because the sidecar gets them anyway. */
const SIDECAR_VARIABLES: ReadonlySet<string> = new Set([
  COMPLETION_INDEX.variable,
  ...VARIABLES.map(({ name }) => name),
]);

/** Whether a pod already has a native sidecar of these tools. */
export function isInjected({ spec }: PodTemplate): boolean {
  return (spec.initContainers ?? []).some(({ name }) => name === NAMES.sidecar);
}

/** Returns the name of a container from the annotations. Returns undefined if no annotation names a container. */
export function namedContainer(given: GivenAnnotations): string | undefined {
  return partValues(given, "container")[0];
}

/** Whether the annotations name a container that this pod lacks. Injection treats such a pod as a worker of a job. */
export function isWorker({ spec }: PodTemplate, given: GivenAnnotations): boolean {
  const named = namedContainer(given);
  return named !== undefined && !spec.containers.some(({ name }) => name === named);
}

/**
 * Returns the index of the container whose command the launcher runs. If an annotation names a container, returns the
 * index of this container. Otherwise, returns the index of the only container of the pod. Returns -1 if the pod lacks
 * the named container, or if no container is named and the pod has several containers.
 */
export function targetIndex({ spec }: PodTemplate, given: GivenAnnotations): number {
  const named = namedContainer(given);
  if (named !== undefined) return spec.containers.findIndex(({ name }) => name === named);
  return spec.containers.length === 1 ? 0 : -1;
}

/**
 * Returns the name of the environment variable in the condition of `only-if`. Returns undefined if there is no
 * condition.
 */
export function conditionVariable(given: GivenAnnotations): string | undefined {
  return given[CONDITION]?.split("=")[0];
}

/**
 * Returns the variable that injection copies from the application's container to the sidecar. The sidecar needs this
 * variable to check the condition of `only-if`. Returns undefined if injection copies no variable.
 */
export function copiedVariable(given: GivenAnnotations, { env = [] }: Container): EnvironmentVariable | undefined {
  const variable = conditionVariable(given);
  if (variable === undefined || SIDECAR_VARIABLES.has(variable)) return undefined;
  return env.find(({ name }) => name === variable);
}

/**
 * Returns the reason why the pod cannot run the launcher. Returns undefined if there is no such reason. Does not check
 * whether the container has a command. Call this only for a pod that is not a worker.
 */
export function podProblem(pod: PodTemplate, given: GivenAnnotations): string | undefined {
  const container = pod.spec.containers[targetIndex(pod, given)];
  if (container === undefined) return messageText("severalContainers");
  return restartProblem(pod) ?? takenName(pod) ?? takenPath(container) ?? conditionProblem(given, container);
}

function restartProblem({ spec: { restartPolicy = "Always" } }: PodTemplate): string | undefined {
  return restartPolicy === "Always" ? messageText("restarts") : undefined;
}

function takenName({ spec }: PodTemplate): string | undefined {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const container = containers.find(({ name }) => name === NAMES.sidecar || name === NAMES.install);
  if (container !== undefined) return messageText("takenContainer", { name: container.name });
  const volume = spec.volumes?.find(({ name }) => VOLUME_NAMES.includes(name));
  return volume && messageText("takenVolume", { name: volume.name });
}

function takenPath({ name, volumeMounts = [] }: Container): string | undefined {
  const mount = volumeMounts.find(({ mountPath }) => MOUNT_PATHS.includes(mountPath));
  return mount && messageText("takenPath", { container: name, path: mount.mountPath });
}

function conditionProblem(given: GivenAnnotations, { name: container, env = [] }: Container): string | undefined {
  const variable = conditionVariable(given);
  // The template does not have to define the variable of the completion index, because the Job controller adds this
  // variable to each pod.
  if (variable === undefined || variable === COMPLETION_INDEX.variable) return undefined;
  return env.some(({ name }) => name === variable) ? undefined : messageText("condition", { variable, container });
}
