import type { StoreOpener } from "../artifact/open-store.ts";
import type { AnyReference } from "../oci/reference.ts";

/** All repositories of a registry whose names start with a prefix. */
export interface RepositoryPrefix {
  /** Host and port, such as `localhost:5000`. */
  readonly registry: string;
  /** The first characters of the repository names, such as `metric/`. An empty prefix matches all repositories. */
  readonly prefix: string;
}

/** Where to look for artifacts: a repository, an OCI layout, or all repositories with a prefix. */
export type ResultsTarget = AnyReference | RepositoryPrefix;

/**
 * Finds the repositories and layouts of targets. Each repository occurs once. Throws the errors of
 * {@link StoreOpener.listRepositories}.
 */
export async function repositoriesOf(targets: readonly ResultsTarget[], opener: StoreOpener): Promise<AnyReference[]> {
  const found = new Map<string, AnyReference>();
  const catalogs = new Map<string, Promise<string[]>>();
  for (const target of targets) {
    if (!("prefix" in target)) {
      found.set(keyOf(target), target);
      continue;
    }
    const { registry, prefix } = target;
    const catalog = catalogs.get(registry) ?? opener.listRepositories(registry);
    catalogs.set(registry, catalog);
    for (const repository of (await catalog).filter((name) => name.startsWith(prefix)).sort()) {
      const reference = { registry, repository, tag: undefined, digest: undefined };
      found.set(keyOf(reference), reference);
    }
  }
  return [...found.values()];
}

/** Whether the targets can name several repositories or layouts. Always true if one of the targets is a prefix. */
export function mayBeSeveral(targets: readonly ResultsTarget[]): boolean {
  const keys = targets.map((target) => ("prefix" in target ? undefined : keyOf(target)));
  return keys.includes(undefined) || new Set(keys).size > 1;
}

function keyOf(reference: AnyReference): string {
  return "layout" in reference ? reference.layout : `${reference.registry}/${reference.repository}`;
}
