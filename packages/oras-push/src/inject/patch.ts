import { type GivenAnnotations, partValues } from "./annotation-values.ts";
import { launcherWords } from "./commands.ts";
import { injectedContainers } from "./containers.ts";
import { add, type JsonPatch, move, type PatchOperation, type Path, remove } from "./json-patch.ts";
import {
  DEFAULT_GRACE_PERIOD,
  FILE_SOURCES,
  GRACE_PERIOD,
  NAMES,
  NETWORK_LABEL,
  PATHS,
  SOURCE_FIELDS,
} from "./parts.ts";
import type { Container, PodTemplate } from "./pod.ts";
import type { InjectionSettings } from "./settings.ts";
import { targetIndex } from "./target.ts";

/**
 * Returns the part of the patch that every pod gets if it asks for injection, even a worker (`target.ts`). This part
 * adds the label for the registry's network. If the pod has the annotation `oras-cache` but no subdomain, this part
 * also sets the subdomain to the value of the annotation.
 */
export function networkPatch({ metadata, spec }: PodTemplate, given: GivenAnnotations): JsonPatch {
  const [subdomain] = partValues(given, "cache");
  return [
    ...addMissing(metadata, ["metadata"], {}),
    ...addMissing(metadata?.labels, ["metadata", "labels"], {}),
    add(["metadata", "labels", NETWORK_LABEL.name], NETWORK_LABEL.value),
    ...(subdomain === undefined ? [] : addMissing(spec.subdomain, ["spec", "subdomain"], subdomain)),
  ];
}

/**
 * Returns the part of the patch that only a step gets. A step is a pod in which the launcher runs the command of a
 * container.
 */
export function stepPatch(pod: PodTemplate, given: GivenAnnotations, settings: InjectionSettings): JsonPatch {
  const { spec } = pod;
  const index = targetIndex(pod, given);
  const container = spec.containers[index] as Container;
  const { args = [], volumeMounts } = container;
  const { terminationGracePeriodSeconds: grace = DEFAULT_GRACE_PERIOD } = spec;
  const at = (...path: Path): Path => ["spec", "containers", index, ...path];
  return [
    ...addMissing(spec.volumes, ["spec", "volumes"], []),
    ...volumes(given, settings).map((volume) => add(["spec", "volumes", "-"], volume)),
    ...addMissing(spec.initContainers, ["spec", "initContainers"], []),
    ...injectedContainers(pod, container, given, settings).map((added, start) =>
      add(["spec", "initContainers", start], added),
    ),
    ...addMissing(volumeMounts, at("volumeMounts"), []),
    ...mounts(settings).map((mount) => add(at("volumeMounts", "-"), mount)),
    ...launcherWords(given, settings.delivery).map((word, position) => add(at("command", position), word)),
    // Moves the arguments instead of adding new ones, because a move keeps their comments in a YAML file.
    ...args.map(() => move(at("args", 0), at("command", "-"))),
    ...(container.args === undefined ? [] : [remove(at("args"))]),
    ...(grace === DEFAULT_GRACE_PERIOD ? [add(["spec", "terminationGracePeriodSeconds"], GRACE_PERIOD)] : []),
  ];
}

function volumes(given: GivenAnnotations, { delivery, image }: InjectionSettings): object[] {
  const tools = { name: NAMES.tools, image: { reference: image, pullPolicy: "IfNotPresent" } };
  return [
    { name: NAMES.share, emptyDir: {} },
    { name: NAMES.noToken, emptyDir: {} },
    ...(delivery === "image-volume" ? [tools] : []),
    ...FILE_SOURCES.flatMap(({ part, volume, kind }) =>
      partValues(given, part).map((object) => ({ name: volume, [kind]: { [SOURCE_FIELDS[kind]]: object } })),
    ),
  ];
}

function mounts({ delivery }: InjectionSettings): object[] {
  return [
    { name: NAMES.share, mountPath: PATHS.share },
    ...(delivery === "image-volume" ? [{ name: NAMES.tools, mountPath: PATHS.tools, readOnly: true }] : []),
  ];
}

function addMissing(value: unknown, path: Path, added: unknown): PatchOperation[] {
  return value === undefined || value === null ? [add(path, added)] : [];
}
