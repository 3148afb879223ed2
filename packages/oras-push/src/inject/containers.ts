import { type GivenAnnotations, partValues } from "./annotation-values.ts";
import { sidecarCommand } from "./commands.ts";
import {
  COMPLETION_INDEX,
  FILE_SOURCES,
  INDEX_VARIABLE,
  INSTALL_COMMAND,
  NAMES,
  RESOURCES,
  SECURITY_CONTEXT,
  SIDECAR_MOUNTS,
  STARTUP_PROBE,
  VARIABLES,
} from "./parts.ts";
import type { Container, EnvironmentVariable, PodTemplate, Resources } from "./pod.ts";
import { serviceClass } from "./service-class.ts";
import type { InjectionSettings } from "./settings.ts";
import { copiedVariable } from "./target.ts";

/**
 * Returns the containers that injection adds, in the order in which the containers start. `application` is the
 * container that runs the launcher.
 */
export function injectedContainers(
  pod: PodTemplate,
  application: Container,
  given: GivenAnnotations,
  { delivery, image }: InjectionSettings,
): object[] {
  const resources = resourcesOf(pod);
  const install = {
    name: NAMES.install,
    image,
    command: INSTALL_COMMAND,
    securityContext: SECURITY_CONTEXT,
    ...resources.install,
    volumeMounts: SIDECAR_MOUNTS,
  };
  const [secret] = partValues(given, "envSecret");
  const sidecar = {
    name: NAMES.sidecar,
    image,
    restartPolicy: "Always",
    command: sidecarCommand(given),
    env: sidecarVariables(given, application),
    ...(secret === undefined ? {} : { envFrom: [{ secretRef: { name: secret } }] }),
    startupProbe: STARTUP_PROBE,
    securityContext: SECURITY_CONTEXT,
    ...resources.sidecar,
    volumeMounts: sidecarMounts(given),
  };
  return delivery === "install" ? [install, sidecar] : [sidecar];
}

function sidecarVariables(given: GivenAnnotations, application: Container): EnvironmentVariable[] {
  const copied = copiedVariable(given, application);
  return [
    ...VARIABLES,
    ...(Object.hasOwn(given, COMPLETION_INDEX.annotation) ? [INDEX_VARIABLE] : []),
    ...(copied === undefined ? [] : [copied]),
  ];
}

function sidecarMounts(given: GivenAnnotations): object[] {
  const sources = FILE_SOURCES.filter(({ part }) => partValues(given, part).length > 0);
  const files = sources.map(({ volume, mountPath }) => ({ name: volume, mountPath, readOnly: true }));
  return [...SIDECAR_MOUNTS, ...files];
}

function resourcesOf(pod: PodTemplate): Record<"install" | "sidecar", { resources?: Resources }> {
  const name = serviceClass(pod);
  if (name === undefined) return { install: {}, sidecar: {} };
  return { install: { resources: RESOURCES[name].install }, sidecar: { resources: RESOURCES[name].sidecar } };
}
