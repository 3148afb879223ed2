import type { ServiceClass } from "./parts.ts";
import type { Container, PodTemplate, Resources } from "./pod.ts";

const KINDS = ["cpu", "memory"] as const;

/**
 * Returns the quality-of-service class that a pod must keep (Kubernetes, "Pod Quality of Service Classes"). The pod
 * keeps this class only if the injected containers also have resources. Returns undefined if the injected containers
 * need no resources. This is the case if the pod is best-effort, or if its resources are set for the whole pod.
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
