import { limiter } from "../artifact/concurrency.ts";
import { storeOpener } from "../artifact/open-store.ts";
import type { TransferContext, TransferPlan } from "../artifact/transfer.ts";
import { type ListedRun, listedRun, selectRuns } from "./listing.ts";
import type { RunQuery } from "./query.ts";
import { type Artifacts, readArtifacts } from "./read-artifacts.ts";
import { type ResultsTarget, repositoriesOf } from "./repositories.ts";

/** What to list. */
export interface RunListPlan extends TransferPlan, RunQuery {
  /** The repositories to list. */
  readonly targets: readonly ResultsTarget[];
}

/** The selected runs, and the artifacts that could not be read. */
export interface RunList extends Artifacts<ListedRun> {
  /** The number of all tags that were read, whether they were selected or not. */
  readonly total: number;
}

/**
 * Lists the selected runs of repositories in the requested order. Throws `unavailable` if a registry cannot be reached.
 * Throws the error of a registry that refuses to list its repositories.
 */
export async function listRuns(plan: RunListPlan, context: TransferContext): Promise<RunList> {
  const opener = storeOpener(plan, context);
  const repositories = await repositoriesOf(plan.targets, opener);
  const options = { opener, limit: limiter(plan.concurrency), access: "pull" } as const;
  const { found, empty, unreadable } = await readArtifacts(repositories, listedRun, options);
  return { found: selectRuns(found, plan), empty, unreadable, total: found.length };
}
