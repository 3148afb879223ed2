import { periodicCollection } from "shared/cli/garbage-collector";
import { ToolError } from "shared/cli/tool-error";
import { type Limiter, mapConcurrently } from "../artifact/concurrency.ts";
import type { StoreOpener } from "../artifact/open-store.ts";
import type { Access, ArtifactStore } from "../oci/artifact-store.ts";
import { ManifestError, type StoredManifest } from "../oci/manifest.ts";
import { type AnyReference, formatReference, isTag } from "../oci/reference.ts";

/**
 * The number of repositories that are read at the same time. This limit keeps the number of tag lists in memory small.
 */
const REPOSITORIES_AT_ONCE = 16;

/**
 * Each time the process has read this number of manifests, it collects garbage. Otherwise, V8 would collect garbage
 * only after the memory of the process has doubled.
 */
const MANIFESTS_PER_COLLECTION = 500;

/** An artifact with a tag. */
export interface TaggedManifest {
  /** The repository or the layout, without a tag. */
  readonly repository: AnyReference;
  readonly store: ArtifactStore;
  readonly tag: string;
  readonly manifest: StoredManifest;
}

/** An artifact or a repository that cannot be read. */
export interface Unreadable {
  readonly reference: string;
  readonly failure: ToolError;
  /**
   * `missing`: the store lists the tag, but does not have the manifest of the tag. `invalid`: the store has the
   * manifest, but the manifest is broken. `failed`: the store did not return the manifest or the list of tags.
   */
  readonly kind: "missing" | "invalid" | "failed";
}

/** The result of {@link readArtifacts}. */
export interface Artifacts<T> {
  readonly found: readonly T[];
  /** The repositories without tags, including repositories that do not exist. */
  readonly empty: readonly string[];
  readonly unreadable: readonly Unreadable[];
}

/** How to read artifacts. */
export interface ReadOptions {
  readonly opener: StoreOpener;
  /** Limits how many requests are sent at the same time. */
  readonly limit: Limiter;
  readonly access: Access;
}

/**
 * Reads the manifests of all tags in `repositories`. Converts each manifest with `read`, and keeps only the converted
 * value in memory. If a tag or a list of tags cannot be read, `unreadable` contains the failure, and the other tags are
 * still read. The values have the order of `repositories`. The values of one repository have the order of its tags.
 * Throws `unavailable` if a registry cannot be reached.
 */
export async function readArtifacts<T>(
  repositories: readonly AnyReference[],
  read: (artifact: TaggedManifest) => T,
  options: ReadOptions,
): Promise<Artifacts<T>> {
  const unreadable: Unreadable[] = [];
  const empty: string[] = [];
  const collect = periodicCollection(MANIFESTS_PER_COLLECTION);
  const readOne = (artifact: TaggedManifest) => {
    collect();
    return read(artifact);
  };
  const found = await mapConcurrently(repositories, REPOSITORIES_AT_ONCE, async (repository) => {
    const results = await readRepository(repository, readOne, options, { unreadable, empty });
    return results.filter((result) => result !== undefined);
  });
  return { found: found.flat(), empty, unreadable };
}

async function readRepository<T>(
  repository: AnyReference,
  read: (artifact: TaggedManifest) => T,
  { opener, limit, access }: ReadOptions,
  { unreadable, empty }: { readonly unreadable: Unreadable[]; readonly empty: string[] },
): Promise<readonly (T | undefined)[]> {
  const name = formatReference(repository);
  const listed = await orUnreadable(unreadable, name, async () => {
    const store = await opener.open(repository, access);
    return { store, tags: await limit(() => store.listTags()) };
  });
  if (listed === undefined) return [];
  const { store, tags } = listed;
  if (tags.length === 0) empty.push(name);
  return mapConcurrently(tags, REPOSITORIES_AT_ONCE, (tag) =>
    orUnreadable(unreadable, nameOf(repository, tag), async () => {
      if (!isTag(tag)) throw new UnreadableError("invalid", "it is not a valid tag");
      const manifest = await limit(() => store.fetchManifest(tag));
      if (manifest === undefined) throw new UnreadableError("missing", "it is in the list of tags, but was not found");
      return read({ repository, store, tag, manifest });
    }),
  );
}

/** The error for a listed tag that is invalid or has no manifest. */
class UnreadableError extends Error {
  override readonly name = "UnreadableError";
  readonly kind: "missing" | "invalid";

  constructor(kind: "missing" | "invalid", message: string) {
    super(message);
    this.kind = kind;
  }
}

/**
 * Calls `act`, and returns the result. Returns undefined if `act` fails for a reason that affects only `reference`. In
 * this case, adds the failure to `unreadable`.
 */
async function orUnreadable<T>(
  unreadable: Unreadable[],
  reference: string,
  act: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof UnreadableError || error instanceof ManifestError) {
      const failure = new ToolError("registry", `cannot read ${reference}`, { why: error.message });
      unreadable.push({ reference, failure, kind: error instanceof UnreadableError ? error.kind : "invalid" });
    } else if (error instanceof ToolError && error.code !== "unavailable")
      unreadable.push({ reference, failure: error, kind: "failed" });
    else throw error;
    return undefined;
  }
}

/** Returns the name of a tag for messages. An invalid tag is in quotes. */
function nameOf(repository: AnyReference, tag: string): string {
  return isTag(tag) ? formatReference({ ...repository, tag }) : `${formatReference(repository)}:${JSON.stringify(tag)}`;
}
