import type { ServiceClass } from "./parts.ts";
import type { Container, PodTemplate, Resources } from "./pod.ts";

const KINDS = ["cpu", "memory"] as const;

/**
 * The quality of service of a pod whose injected containers need resources to keep this class. Returns undefined if they
 * need none: the pod is best-effort, or the pod as a whole has resources (Kubernetes, "Pod Quality of Service Classes").
 */
export function serviceClass({ spec }: PodTemplate): ServiceClass | undefined {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  if (spec.resources !== undefined || !containers.some(hasResources)) return undefined;
  return containers.every(isGuaranteed) ? "guaranteed" : "burstable";
}

function hasResources({ resources = {} }: Container): boolean {
  return size(resources.requests) + size(resources.limits) > 0;
}

/** Whether the requests equal the limits. Kubernetes uses a limit as the request if there is no request. */
function isGuaranteed({ resources: { requests = {}, limits = {} } = {} }: Container): boolean {
  return KINDS.every((kind) => limits[kind] !== undefined && (requests[kind] ?? limits[kind]) === limits[kind]);
}

function size(values: Resources["requests"]): number {
  return Object.keys(values ?? {}).length;
}
