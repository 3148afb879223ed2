import type { ArtifactRecord } from "shared/pod/markers";
import type { Annotations } from "../oci/descriptor.ts";
import { ANNOTATIONS } from "../oci/media-types.ts";

/** From which artifacts a run was made; none for a run without inputs. */
export function inputAnnotations(inputs: readonly ArtifactRecord[]): Annotations {
  const named = inputs.map(({ reference, digest }) => ({ reference, digest }));
  return annotations({ inputs: named.length === 0 ? null : JSON.stringify(named) });
}

/**
 * Where a run took place, as far as the pod says it: `POD_NAME`, `POD_NAMESPACE` and `NODE_NAME`, which a pod's manifest
 * sets from the downward API (Kubernetes, "Expose Pod Information to Containers Through Environment Variables").
 */
export function podAnnotations({ POD_NAME, POD_NAMESPACE, NODE_NAME }: NodeJS.ProcessEnv): Annotations {
  return annotations({ pod: POD_NAME, namespace: POD_NAMESPACE, node: NODE_NAME });
}

/** Annotations by their short names; what is not known is left out. */
export function annotations(known: Partial<Record<keyof typeof ANNOTATIONS, string | null | undefined>>): Annotations {
  return Object.fromEntries(
    Object.entries(known)
      .filter((entry): entry is [keyof typeof ANNOTATIONS, string] => Boolean(entry[1]))
      .map(([name, value]) => [ANNOTATIONS[name], value]),
  );
}
