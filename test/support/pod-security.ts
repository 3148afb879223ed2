import { containersOf, type Pod } from "./pod-spec.ts";

/** What a pod of the profile may mount. */
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
 * What of a pod is against Kubernetes' `restricted` profile, and a root file system that can be written to, which that
 * profile leaves alone; a line each (Kubernetes, "Pod Security Standards").
 */
export function restrictedViolations(pod: Pod): string[] {
  const { spec } = pod;
  const found: string[] = [];
  if (spec.hostNetwork || spec.hostPID || spec.hostIPC) found.push("shares a namespace of the host");
  for (const volume of spec.volumes ?? [])
    for (const kind of Object.keys(volume))
      if (kind !== "name" && !VOLUME_KINDS.has(kind)) found.push(`mounts ${kind}`);
  for (const container of containersOf(pod)) {
    const own = container.securityContext ?? {};
    const both = { ...spec.securityContext, ...own };
    const says = (what: string, so: boolean) => so && found.push(`${container.name} ${what}`);
    says("may run as root", both.runAsNonRoot !== true || both.runAsUser === 0);
    says("says no user", both.runAsUser === undefined);
    says("has no system call filter", !SECCOMP_TYPES.has(both.seccompProfile?.type ?? ""));
    says("is privileged", own.privileged === true);
    says("may gain privileges", own.allowPrivilegeEscalation !== false);
    says("keeps capabilities", !own.capabilities?.drop?.includes("ALL"));
    says(
      "adds capabilities",
      (own.capabilities?.add ?? []).some((name) => name !== "NET_BIND_SERVICE"),
    );
    says(
      "takes a port of the host",
      (container.ports ?? []).some(({ hostPort }) => (hostPort ?? 0) !== 0),
    );
    says("may write to its root", own.readOnlyRootFilesystem !== true);
  }
  return found;
}
