import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

/** The changes that a user makes to a folder of manifests, in a separate `kustomization.yaml`. */
export interface Overlay {
  /** The folders of manifests. */
  readonly resources: readonly string[];
  readonly namespace: string;
  /** Maps the name of an image in the manifests to the image that the node has. */
  readonly images?: Readonly<Record<string, { readonly newName?: string; readonly newTag: string }>>;
  /** Patches in the format of kustomize. */
  readonly patches?: readonly object[];
  /** The folders of kustomize components. */
  readonly components?: readonly string[];
}

/** Writes an overlay to a folder, for `kubectl apply -k FOLDER`. */
export function writeOverlay(
  folder: string,
  { resources, namespace, images = {}, patches, components }: Overlay,
): void {
  mkdirSync(folder, { recursive: true });
  // kustomize accepts only relative paths.
  const paths = (folders: readonly string[]) => folders.map((path) => relative(folder, path));
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    namespace,
    resources: paths(resources),
    images: Object.entries(images).map(([name, image]) => ({ name, ...image })),
    ...(patches === undefined ? {} : { patches }),
    ...(components === undefined ? {} : { components: paths(components) }),
  };
  writeFileSync(join(folder, "kustomization.yaml"), JSON.stringify(kustomization, undefined, 2));
}
