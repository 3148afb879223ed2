/**
 * The maximum size of a manifest, in bytes. Registries may reject larger manifests (distribution-spec, "Pushing
 * Manifests").
 */
export const MAX_MANIFEST_BYTES: number = 4 << 20;
