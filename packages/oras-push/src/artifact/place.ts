import { openLayout } from "../oci/layout/layout.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";
import type { Access } from "../oci/repository.ts";
import type { RegistryPlan } from "../options/registry.ts";
import type { PullSource } from "./pull.ts";
import type { PushTarget } from "./push.ts";
import { openRepository, type RegistryContext } from "./registry.ts";

/** A repository or an OCI layout. */
export interface Place extends PushTarget, PullSource {
  listTags(): Promise<string[]>;
}

/** Opens the repository or the OCI layout of a reference. Throws as {@link openLayout} does. */
export function openPlace(
  reference: AnyReference,
  access: Access,
  plan: RegistryPlan,
  context: RegistryContext,
): Promise<Place> {
  if ("layout" in reference) return openLayout(reference.layout, access, context.signal);
  return Promise.resolve(openRepository(reference, access, plan, context));
}

/** References by the place that they are in: each place with its references, in their order. */
export function byPlace(references: readonly AnyReference[]): readonly AnyReference[][] {
  const places = Map.groupBy(references, (reference) =>
    formatReference({ ...reference, tag: undefined, digest: undefined }),
  );
  return [...places.values()];
}
