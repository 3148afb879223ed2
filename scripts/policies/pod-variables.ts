/**
 * The policies read the pod through these variables. The rules are the same as in `inject/target.ts` and
 * `inject/service-class.ts`.
 */
import { COMPLETION_INDEX, NAMES, VARIABLES } from "oras-push/inject/parts";
import { CONDITION, MOUNT_PATHS, VOLUME_NAMES } from "oras-push/inject/target";
import { givenValue } from "./annotation-variables.ts";
import { concatenation, listIf, message, text, texts } from "./cel.ts";
import type { Variable } from "./variable.ts";

const REQUESTS = "container.?resources.?requests.orValue({})";
const LIMITS = "container.?resources.?limits.orValue({})";

/** Variables that contain properties of the pod. The variable `spec` must contain the specification of the pod. */
export const POD_VARIABLES: readonly Variable[] = [
  { name: "initContainers", expression: "variables.spec.?initContainers.orValue([])" },
  {
    name: "injected",
    expression: `variables.initContainers.exists(container, container.name == ${text(NAMES.sidecar)})`,
  },
  { name: "names", expression: "variables.spec.containers.map(container, string(container.name))" },
  { name: "worker", expression: 'variables.named != "" && !(variables.named in variables.names)' },
  {
    name: "index",
    expression:
      'variables.named != "" ? variables.names.indexOf(variables.named) : variables.names.size() == 1 ? 0 : -1',
  },
  { name: "container", expression: "variables.spec.containers[variables.index]" },
  { name: "conditionVariable", expression: `${givenValue(CONDITION)}.split("=")[0]` },
];

/**
 * Additional variables for a mutation: the quality of service of the pod, and the index of the environment variable
 * that the patch copies to the sidecar.
 */
export const MUTATION_VARIABLES: readonly Variable[] = [
  {
    name: "copied",
    expression: `variables.conditionVariable in ${texts(["", COMPLETION_INDEX.variable, ...VARIABLES.map(({ name }) => name)])}
  ? -1 : variables.container.?env.orValue([]).map(variable, string(variable.name)).indexOf(variables.conditionVariable)`,
  },
  {
    name: "serviceClass",
    expression: `has(variables.spec.resources)
  || !(variables.spec.containers + variables.initContainers).exists(container, ${REQUESTS}.size() + ${LIMITS}.size() > 0) ? ""
  : (variables.spec.containers + variables.initContainers).all(container, ["cpu", "memory"].all(kind,
      kind in ${LIMITS} && (!(kind in ${REQUESTS}) || string(${REQUESTS}[kind]) == string(${LIMITS}[kind])))) ? "guaranteed"
  : "burstable"`,
  },
];

/**
 * The list of the messages about an invalid specification of a pod. If the list is not empty, the pod is refused. The
 * list is always empty for a worker.
 */
export function podProblems(): string {
  const container = "variables.names[variables.index]";
  const taken = texts([NAMES.sidecar, NAMES.install]);
  const containers = "(variables.spec.containers + variables.initContainers)";
  const noEntry = `variables.conditionVariable != ${text(COMPLETION_INDEX.variable)}
  && !variables.container.?env.orValue([]).exists(variable, variable.name == variables.conditionVariable)`;
  const problems = concatenation([
    listIf('variables.spec.?restartPolicy.orValue("Always") == "Always"', `[${message("restarts")}]`),
    `${containers}.filter(container, container.name in ${taken})
  .map(container, ${message("takenContainer", { name: "string(container.name)" })})`,
    `variables.spec.?volumes.orValue([]).filter(volume, volume.name in ${texts(VOLUME_NAMES)})
  .map(volume, ${message("takenVolume", { name: "string(volume.name)" })})`,
    `variables.container.?volumeMounts.orValue([]).filter(mount, mount.mountPath in ${texts(MOUNT_PATHS)})
  .map(mount, ${message("takenPath", { container, path: "string(mount.mountPath)" })})`,
    listIf(
      `variables.conditionVariable != "" && ${noEntry}`,
      `[${message("condition", { variable: "variables.conditionVariable", container })}]`,
    ),
    listIf("variables.container.?command.orValue([]).size() == 0", `[${message("noCommand", { container })}]`),
  ]);
  return `(variables.worker ? [] : variables.index < 0 ? [${message("severalContainers")}]\n: ${problems})`;
}
