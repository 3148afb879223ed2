import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Digest } from "../oci/digest.ts";
import { ManifestError, type StoredManifest } from "../oci/manifest.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";
import type { PruneArtifact } from "./prune-plan.ts";
import { type ReadOptions, readArtifacts, type TaggedManifest, type Unreadable } from "./read-artifacts.ts";
import { INDEXES, type Run, readLinks, readRun } from "./run.ts";

/** The artifacts that a prune must know. */
export interface PruneArtifacts {
  readonly artifacts: readonly PruneArtifact[];
  /** The repositories without tags. */
  readonly empty: readonly string[];
  readonly unreadable: readonly Unreadable[];
}

/**
 * Reads all tags of `repositories`, and the artifacts with these tags. If an index lists other indexes, reads these
 * indexes too, even if they have no tag. Only artifacts that have a tag in one of the repositories `prunable` can be
 * deleted.
 */
export async function readPruneArtifacts(
  repositories: readonly AnyReference[],
  prunable: ReadonlySet<string>,
  options: ReadOptions,
): Promise<PruneArtifacts> {
  const stores = new Map<string, ArtifactStore>();
  const read = ({ repository, store, tag, manifest }: TaggedManifest) => {
    const name = formatReference(repository);
    stores.set(name, store);
    return artifactOf(name, [tag], manifest, prunable.has(name));
  };
  const { found, empty, unreadable } = await readArtifacts(repositories, read, options);
  const tagged = [...Map.groupBy(found, ({ repository, digest }) => `${repository}@${digest}`).values()].map(
    (same) => ({
      ...(same[0] as PruneArtifact),
      tags: same.flatMap(({ tags }) => tags),
    }),
  );
  const nested = await readNested(tagged, (repository, digest) =>
    options.limit(async () => stores.get(repository)?.fetchManifest(digest)),
  );
  return { artifacts: [...tagged, ...nested], empty, unreadable };
}

/** Reads all indexes that the given artifacts list directly or through other indexes. */
async function readNested(
  artifacts: readonly PruneArtifact[],
  fetch: (repository: string, digest: Digest) => Promise<StoredManifest | undefined>,
): Promise<readonly PruneArtifact[]> {
  const known = new Set(artifacts.map(({ repository, digest }) => `${repository}@${digest}`));
  const found: PruneArtifact[] = [];
  const pending = [...artifacts];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { repository } = next;
    for (const { digest, mediaType } of next.listed) {
      const key = `${repository}@${digest}`;
      if (!INDEXES.has(mediaType) || known.has(key)) continue;
      known.add(key);
      const manifest = await fetch(repository, digest);
      if (manifest === undefined) continue;
      const artifact = artifactOf(repository, [], manifest, false);
      found.push(artifact);
      pending.push(artifact);
    }
  }
  return found;
}

/**
 * Reads the facts about an artifact from its manifest. Throws {@link ManifestError} if the manifest is not a JSON
 * object.
 */
function artifactOf(
  repository: string,
  tags: readonly string[],
  manifest: StoredManifest,
  prunable: boolean,
): PruneArtifact {
  const { digest } = manifest.descriptor;
  return { repository, digest, tags, run: runOrNone(manifest), prunable, ...readLinks(manifest) };
}

function runOrNone(manifest: StoredManifest): Run | undefined {
  try {
    return readRun(manifest);
  } catch (error) {
    if (error instanceof ManifestError) return undefined;
    throw error;
  }
}
