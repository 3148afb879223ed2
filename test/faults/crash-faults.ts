/** Registries that refuse the requests of a pod for a while. */
import { type Interceptor, refuse } from "../../support/registry/memory-registry.ts";
import { limitWrites } from "../support/registry/limits.ts";

/**
 * The behaviors of the registry: no faults, a limit of the rate of writes (429), or an outage that begins with the
 * first request (503).
 */
export const REGISTRY_FAULTS = ["none", "limit", "outage"] as const;
export type RegistryFault = (typeof REGISTRY_FAULTS)[number];

/**
 * A registry with a limit accepts this number of writes in each second. A complete push in this test sends more than
 * this number of writes.
 */
const WRITES_PER_SECOND = 12;
/** The duration of an outage, in milliseconds. */
const OUTAGE = 700;
/** On an idle machine, a fault makes a pod run at most this many milliseconds longer. */
export const FAULT_TIME = 1500;

/** Creates an interceptor that gives each repository its own fault. `faultOf` receives the name of the repository. */
export function faultsByRepository(faultOf: (repository: string) => RegistryFault): Interceptor {
  const interceptors = new Map<string, Interceptor | undefined>();
  return (request, response) => {
    const repository = /^\/v2\/(.+?)\/(blobs|manifests|tags)\//.exec(request.url ?? "")?.[1] ?? "";
    if (!interceptors.has(repository)) interceptors.set(repository, interceptorOf(faultOf(repository)));
    return interceptors.get(repository)?.(request, response) ?? false;
  };
}

function interceptorOf(fault: RegistryFault): Interceptor | undefined {
  if (fault === "limit") return limitWrites(WRITES_PER_SECOND);
  return fault === "outage" ? unavailableFor(OUTAGE) : undefined;
}

/** Answers the first request with 503, and does the same for all requests in the next `milliseconds`. */
function unavailableFor(milliseconds: number): Interceptor {
  let end: number | undefined;
  return (request, response) => {
    end ??= performance.now() + milliseconds;
    if (performance.now() > end) return false;
    request.resume();
    refuse(response, 503, "UNAVAILABLE", "the registry is starting");
    return true;
  };
}
