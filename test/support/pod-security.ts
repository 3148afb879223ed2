import { type Container, containersOf, type Pod, type PodSpec } from "./pod-spec.ts";

/** The kinds of volumes that the `restricted` profile allows. */
const VOLUME_KINDS = new Set([
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
]);

const SECCOMP_TYPES = new Set(["RuntimeDefault", "Localhost"]);

/**
 * Returns one text for each violation of Kubernetes' `restricted` profile in a pod (Kubernetes, "Pod Security
 * Standards"). A writable root file system is a violation too, although the profile allows it.
 */
export function restrictedViolations(pod: Pod): string[] {
  const { spec } = pod;
  return [
    ...(spec.hostNetwork || spec.hostPID || spec.hostIPC ? ["shares a namespace of the host"] : []),
    ...volumeViolations(spec),
    ...containersOf(pod).flatMap((container) =>
      containerViolations(container, spec).map((what) => `${container.name} ${what}`),
    ),
  ];
}

function volumeViolations({ volumes = [] }: PodSpec): string[] {
  const kinds = volumes.flatMap((volume) => Object.keys(volume).filter((key) => key !== "name"));
  return kinds.filter((kind) => !VOLUME_KINDS.has(kind)).map((kind) => `mounts ${kind}`);
}

function containerViolations(container: Container, spec: PodSpec): string[] {
  const own = container.securityContext ?? {};
  const merged = { ...spec.securityContext, ...own };
  const added = own.capabilities?.add ?? [];
  const violations = {
    "may run as root": merged.runAsNonRoot !== true || merged.runAsUser === 0,
    "names no user": merged.runAsUser === undefined,
    "has no system call filter": !SECCOMP_TYPES.has(merged.seccompProfile?.type ?? ""),
    "is privileged": own.privileged === true,
    "may gain privileges": own.allowPrivilegeEscalation !== false,
    "keeps capabilities": !own.capabilities?.drop?.includes("ALL"),
    "adds capabilities": added.some((name) => name !== "NET_BIND_SERVICE"),
    "uses a port of the host": (container.ports ?? []).some(({ hostPort }) => (hostPort ?? 0) !== 0),
    "may write to its root": own.readOnlyRootFilesystem !== true,
  };
  return Object.entries(violations).flatMap(([what, isViolated]) => (isViolated ? [what] : []));
}
