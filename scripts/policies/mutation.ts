/** The JSON patch of the mutating policy. This patch and `inject/patch.ts` produce the same pod. */
import {
  COMPLETION_INDEX,
  DEFAULT_GRACE_PERIOD,
  FILE_SOURCES,
  type FileSource,
  GRACE_PERIOD,
  INDEX_VARIABLE,
  NAMES,
  NETWORK_LABEL,
  PATHS,
  RESOURCES,
  SECURITY_CONTEXT,
  SIDECAR_MOUNTS,
  SOURCE_FIELDS,
  STARTUP_PROBE,
  VARIABLES,
} from "oras-push/inject/parts";
import { part } from "./annotation-variables.ts";
import { addOperation, concatenation, list, listIf, objectLiteral, text } from "./cel.ts";

const SIDECAR = "/spec/initContainers/0";
const CONTAINER = '"/spec/containers/" + string(variables.index)';

/** The image that the annotations name, or the image of the policy. */
const IMAGE = "variables.image";

/** The whole patch. It is empty if the pod is refused. */
export function patchExpression(): string {
  return `variables.problems.size() > 0 ? [] :\n${concatenation([network(), `(variables.worker ? [] :\n${step()})`])}`;
}

function network(): string {
  const label = `/metadata/labels/${NETWORK_LABEL.name.replaceAll("/", "~1")}`;
  return concatenation([
    `(has(object.metadata.labels) ? [] : [${addOperation('"/metadata/labels"', "{}")}])`,
    `[${addOperation(text(label), text(NETWORK_LABEL.value))}]`,
    listIf(
      'variables.cache != "" && !has(variables.spec.subdomain)',
      `[${addOperation('"/spec/subdomain"', "variables.cache")}]`,
    ),
  ]);
}

function step(): string {
  const words = ["command", "args"].map((field) => `variables.container.?${field}.orValue([])`).join(" + ");
  return concatenation([
    addMissing("variables.spec.volumes", '"/spec/volumes"'),
    addMissing("variables.spec.initContainers", '"/spec/initContainers"'),
    addMissing("variables.container.volumeMounts", `${CONTAINER} + "/volumeMounts"`),
    list([...volumes(), addOperation(text(SIDECAR), sidecar()), ...mounts()]),
    ...FILE_SOURCES.map(fileVolume),
    listIf(
      `${text(COMPLETION_INDEX.annotation)} in variables.annotations`,
      `[${addOperation(text(`${SIDECAR}/env/-`), objectLiteral("Object.spec.initContainers.env", INDEX_VARIABLE))}]`,
    ),
    // A `copy` operation adds this environment variable, because the value of an `add` operation cannot be a field of
    // the pod.
    listIf(
      "variables.copied >= 0",
      `[JSONPatch{op: "copy", from: ${CONTAINER} + "/env/" + string(variables.copied), path: ${text(`${SIDECAR}/env/-`)}}]`,
    ),
    listIf(`${part("envSecret")} != ""`, `[${addOperation(text(`${SIDECAR}/envFrom`), envFrom())}]`),
    ...Object.entries(RESOURCES).map(([name, { sidecar: resources }]) =>
      listIf(
        `variables.serviceClass == ${text(name)}`,
        `[${addOperation(text(`${SIDECAR}/resources`), objectLiteral("Object.spec.initContainers.resources", resources))}]`,
      ),
    ),
    `[${addOperation(`${CONTAINER} + "/command"`, `variables.launcherWords + ${words}`)}]`,
    listIf("has(variables.container.args)", `[JSONPatch{op: "remove", path: ${CONTAINER} + "/args"}]`),
    listIf(
      `variables.spec.?terminationGracePeriodSeconds.orValue(${DEFAULT_GRACE_PERIOD}) == ${DEFAULT_GRACE_PERIOD}`,
      `[${addOperation('"/spec/terminationGracePeriodSeconds"', String(GRACE_PERIOD))}]`,
    ),
  ]);
}

function volumes(): string[] {
  const added = [
    { name: NAMES.share, emptyDir: {} },
    { name: NAMES.noToken, emptyDir: {} },
    { name: NAMES.tools, image: { reference: { cel: IMAGE }, pullPolicy: "IfNotPresent" } },
  ];
  return added.map((volume) => addOperation('"/spec/volumes/-"', objectLiteral("Object.spec.volumes", volume)));
}

function sidecar(): string {
  return objectLiteral("Object.spec.initContainers", {
    name: NAMES.sidecar,
    image: { cel: IMAGE },
    restartPolicy: "Always",
    command: { cel: "variables.sidecarCommand" },
    env: VARIABLES,
    startupProbe: STARTUP_PROBE,
    securityContext: SECURITY_CONTEXT,
    volumeMounts: SIDECAR_MOUNTS,
  });
}

function mounts(): string[] {
  const added = [
    { name: NAMES.share, mountPath: PATHS.share },
    { name: NAMES.tools, mountPath: PATHS.tools, readOnly: true },
  ];
  return added.map((mount) =>
    addOperation(`${CONTAINER} + "/volumeMounts/-"`, objectLiteral("Object.spec.containers.volumeMounts", mount)),
  );
}

/** Adds the volume and the mount of a Secret or a ConfigMap if an annotation names this object. */
function fileVolume({ part: name, volume, mountPath, kind }: FileSource): string {
  const source = { name: volume, [kind]: { [SOURCE_FIELDS[kind]]: { cel: part(name) } } };
  const mount = { name: volume, mountPath, readOnly: true };
  return listIf(
    `${part(name)} != ""`,
    list([
      addOperation('"/spec/volumes/-"', objectLiteral("Object.spec.volumes", source)),
      addOperation(text(`${SIDECAR}/volumeMounts/-`), objectLiteral("Object.spec.initContainers.volumeMounts", mount)),
    ]),
  );
}

function envFrom(): string {
  const source = { secretRef: { name: { cel: part("envSecret") } } };
  return `[${objectLiteral("Object.spec.initContainers.envFrom", source)}]`;
}

function addMissing(field: string, path: string): string {
  return `(has(${field}) ? [] : [${addOperation(path, "[]")}])`;
}
