import type { ArtifactRecord } from "shared/pod/markers";
import { annotationsOf } from "../artifact/run-annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";

/** Returns the annotation that lists the inputs of a run. Returns no annotation if the run has no inputs. */
export function inputAnnotations(inputs: readonly ArtifactRecord[]): Annotations {
  const named = inputs.map(({ reference, digest }) => ({ reference, digest }));
  return annotationsOf({ inputs: named.length === 0 ? null : JSON.stringify(named) });
}

/**
 * Returns the annotations that identify a run: its inputs and its cache key. Two runs with equal annotations compute
 * the same output. Without inputs, the annotation of the inputs is missing. Without a cache key, the annotation of the
 * cache key is missing.
 */
export function runIdentity(inputs: readonly ArtifactRecord[], cacheKey: string | undefined): Annotations {
  return { ...inputAnnotations(inputs), ...annotationsOf({ cacheKey }) };
}

/**
 * Returns annotations that identify the pod of a run. The values come from the variables `POD_NAME`, `POD_NAMESPACE`
 * and `NODE_NAME`. A pod's manifest can set these variables with the downward API (Kubernetes, "Expose Pod Information
 * to Containers Through Environment Variables").
 */
export function podAnnotations({ POD_NAME, POD_NAMESPACE, NODE_NAME }: NodeJS.ProcessEnv): Annotations {
  return annotationsOf({ pod: POD_NAME, namespace: POD_NAMESPACE, node: NODE_NAME });
}
