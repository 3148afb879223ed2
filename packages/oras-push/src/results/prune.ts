import { describeError, ToolError } from "shared/cli/tool-error";
import { type Limiter, limiter, mapConcurrently } from "../artifact/concurrency.ts";
import { type StoreOpener, storeOpener } from "../artifact/open-store.ts";
import { RUN_STATES, type RunState } from "../artifact/run-annotations.ts";
import type { TransferContext, TransferPlan } from "../artifact/transfer.ts";
import type { Access, ArtifactStore } from "../oci/artifact-store.ts";
import type { Digest } from "../oci/digest.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";
import { readPruneArtifacts } from "./prune-artifacts.ts";
import {
  type Deletion,
  type PruneArtifact,
  type PrunePlan,
  type PrunePolicy,
  planPrune,
  type Referrers,
  referenceOf,
  selectArtifacts,
} from "./prune-plan.ts";
import type { Unreadable } from "./read-artifacts.ts";
import { type ResultsTarget, repositoriesOf } from "./repositories.ts";

/** What to delete, and where. */
export interface PruneOrder extends TransferPlan {
  readonly policy: PrunePolicy;
  /** The repositories in which `prune` can delete artifacts. */
  readonly targets: readonly ResultsTarget[];
  /** `prune` searches these repositories for artifacts that were made from artifacts in `targets`. */
  readonly users: readonly ResultsTarget[];
  /** Whether to delete artifacts. If false, {@link prune} only makes the plan. */
  readonly confirmed: boolean;
  /** The current time, in milliseconds since 1970. */
  readonly now: number;
}

/** The result of the deletion of one artifact. */
export interface PruneOutcome {
  readonly artifact: PruneArtifact;
  readonly why: string;
  /** The reason why the artifact was not deleted. Undefined if the artifact was deleted. */
  readonly failure: ToolError | undefined;
}

/** The result of {@link prune}. */
export interface PruneResult {
  readonly plan: PrunePlan;
  /** One outcome for each artifact that the plan deletes. Undefined if the user did not confirm the deletion. */
  readonly outcomes: readonly PruneOutcome[] | undefined;
  /** Maps each state that is not in the policy to the number of artifacts with this state. */
  readonly ignored: ReadonlyMap<RunState | undefined, number>;
  /** The number of all artifacts in the target repositories. `prune` deletes only in these repositories. */
  readonly total: number;
  /** The repositories without tags. */
  readonly empty: readonly string[];
  /** The artifacts and tag lists that could not be read. `prune` deletes no artifact that it could not read. */
  readonly unreadable: readonly Unreadable[];
}

/**
 * Deletes artifacts by the rules of a policy, or only makes the plan. Throws an error before the first deletion if the
 * request for a manifest or a list of tags failed, because an unread manifest could refer to an artifact that the rules
 * select. A fetched manifest that is invalid causes no error, and `prune` does not delete it.
 */
export async function prune(order: PruneOrder, context: TransferContext): Promise<PruneResult> {
  const opener = storeOpener(order, { ...context, env: withPullPassword(context.env) });
  const limit = limiter(order.concurrency);
  const targets = await repositoriesOf(order.targets, opener);
  const users = order.policy.ignoreLineage ? [] : await usersOf(order, opener);
  const repositories = [...new Map([...targets, ...users].map((one) => [formatReference(one), one])).values()];
  const prunable = new Set(targets.map(formatReference));
  const { artifacts, empty, unreadable } = await readPruneArtifacts(repositories, prunable, {
    opener,
    limit,
    access: "pull",
  });
  checkComplete(unreadable, prunable);
  const selected = selectArtifacts(artifacts, order.policy, order.now);
  const stores = new Stores(targets, opener);
  const referrers = order.policy.ignoreReferrers
    ? new Map()
    : await readReferrers([...selected.keys()], stores, limit, order.concurrency);
  const plan = planPrune(artifacts, selected, referrers, order.policy);
  const outcomes = order.confirmed ? await deleteAll(plan, stores, order.concurrency) : undefined;
  return {
    plan,
    outcomes,
    ignored: ignoredBy(order, artifacts),
    total: artifacts.filter(({ prunable }) => prunable).length,
    empty,
    unreadable,
  };
}

/** For each state that is not in the policy, counts the prunable artifacts with this state. */
function ignoredBy(
  { policy, now }: PruneOrder,
  artifacts: readonly PruneArtifact[],
): ReadonlyMap<RunState | undefined, number> {
  const states = new Set(RUN_STATES.filter((state) => !policy.states.has(state)));
  const ignored = selectArtifacts(artifacts, { ...policy, states, keep: undefined, olderThan: undefined }, now);
  const byState = Map.groupBy(ignored.keys(), ({ run }) => run?.state);
  return new Map([...byState].map(([state, same]) => [state, same.length]));
}

/** If `ORAS_PULL_PASS` is not set, the password in `ORAS_PUSH_PASS` is also used for read requests. */
function withPullPassword(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, ORAS_PULL_PASS: env.ORAS_PULL_PASS ?? env.ORAS_PUSH_PASS };
}

async function usersOf({ users }: PruneOrder, opener: StoreOpener): Promise<AnyReference[]> {
  try {
    return await repositoriesOf(users, opener);
  } catch (error) {
    if (!(error instanceof ToolError) || error.code === "unavailable") throw error;
    throw new ToolError(error.code, "cannot find the artifacts that were made from the selected artifacts", {
      why: describeError(error),
      hint: "name the repositories of these artifacts with --users, or use --ignore-lineage",
      cause: error,
    });
  }
}

function checkComplete(unreadable: readonly Unreadable[], targets: ReadonlySet<string>): void {
  // If a layout in `targets` cannot be read, the options in the hint below would not help. Therefore, this function
  // throws the error of the layout without this hint.
  const missing = unreadable.find(({ reference, failure }) => failure.code === "noInput" && targets.has(reference));
  if (missing !== undefined) throw missing.failure;
  const failed = unreadable.filter(({ kind }) => kind === "failed");
  const [first] = failed;
  if (first === undefined) return;
  const more = failed.length === 1 ? "" : `; and ${failed.length - 1} more`;
  throw new ToolError(first.failure.code, "cannot prune, because some manifests or lists of tags cannot be read", {
    why: `${first.reference}: ${describeError(first.failure)}${more}`,
    hint: "an unread manifest could name an artifact that the rules select; see --users and --ignore-lineage",
  });
}

/** The stores of the repositories in which `prune` can delete artifacts. */
class Stores {
  readonly #references: ReadonlyMap<string, AnyReference>;
  readonly #opener: StoreOpener;
  readonly #opened = new Map<string, Promise<ArtifactStore>>();

  constructor(references: readonly AnyReference[], opener: StoreOpener) {
    this.#references = new Map(references.map((reference) => [formatReference(reference), reference]));
    this.#opener = opener;
  }

  open(repository: string, access: Access): Promise<ArtifactStore> {
    const key = `${access} ${repository}`;
    const opened = this.#opened.get(key) ?? this.#opener.open(this.#references.get(repository) as AnyReference, access);
    this.#opened.set(key, opened);
    return opened;
  }
}

async function readReferrers(
  artifacts: readonly PruneArtifact[],
  stores: Stores,
  limit: Limiter,
  concurrency: number,
): Promise<Referrers> {
  const found = new Map<Digest, readonly Digest[]>();
  await mapConcurrently(artifacts, concurrency, async ({ repository, digest }) => {
    const store = await stores.open(repository, "pull");
    const referrers = await limit(() => store.listReferrers(digest));
    if (referrers.length > 0) found.set(digest, [...(found.get(digest) ?? []), ...referrers]);
  });
  return found;
}

async function deleteAll({ groups }: PrunePlan, stores: Stores, concurrency: number): Promise<PruneOutcome[]> {
  const outcomes: PruneOutcome[] = [];
  const failed = new Set<PruneArtifact>();
  for (const group of groups) {
    const results = await mapConcurrently(group, concurrency, (deletion) => deleteOne(deletion, stores, failed));
    for (const { artifact, failure } of results) if (failure !== undefined) failed.add(artifact);
    outcomes.push(...results);
  }
  const repositories = new Set(outcomes.map(({ artifact }) => artifact.repository));
  for (const repository of repositories) await (await stores.open(repository, "pull,delete")).deleteUnusedBlobs();
  return outcomes;
}

/** Deletes an artifact. Keeps the artifact if an artifact in `namedBy` could not be deleted. */
async function deleteOne(
  { artifact, why, namedBy }: Deletion,
  stores: Stores,
  failed: ReadonlySet<PruneArtifact>,
): Promise<PruneOutcome> {
  const namer = namedBy.find((one) => failed.has(one));
  if (namer !== undefined) {
    const failure = new ToolError("registry", `kept, because ${referenceOf(namer)} could not be deleted`);
    return { artifact, why, failure };
  }
  try {
    const store = await stores.open(artifact.repository, "pull,delete");
    await store.deleteManifest(artifact.digest, artifact.tags);
    return { artifact, why, failure: undefined };
  } catch (error) {
    if (error instanceof ToolError && error.code !== "unavailable") return { artifact, why, failure: error };
    throw error;
  }
}
