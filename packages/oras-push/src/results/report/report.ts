import { limiter } from "../../artifact/concurrency.ts";
import { storeOpener } from "../../artifact/open-store.ts";
import type { TransferContext, TransferPlan } from "../../artifact/transfer.ts";
import { selectRuns } from "../listing.ts";
import type { RunQuery } from "../query.ts";
import { readArtifacts, type Unreadable } from "../read-artifacts.ts";
import { type ResultsTarget, repositoriesOf } from "../repositories.ts";
import { reportPage } from "./page.ts";
import { readLogs, unreadRun } from "./report-run.ts";

/** What a report contains. */
export interface ReportPlan extends TransferPlan, RunQuery {
  readonly targets: readonly ResultsTarget[];
  /** The names of the targets, as the user wrote them. */
  readonly title: string;
  /** The number of lines that the report shows from the end of each log. */
  readonly logLines: number;
  /** The current time, in milliseconds since 1970. */
  readonly now: number;
}

/** A report, and the artifacts that could not be read. */
export interface Report {
  readonly page: string;
  /** The repositories without tags. */
  readonly empty: readonly string[];
  readonly unreadable: readonly Unreadable[];
  /** The number of all tags that were read, whether they were selected or not. */
  readonly total: number;
  /** The number of runs in the report. */
  readonly runs: number;
}

/** Reads the runs and the last lines of their logs, and makes a report. Throws the errors of `listRuns`. */
export async function makeReport(plan: ReportPlan, context: TransferContext): Promise<Report> {
  const opener = storeOpener(plan, context);
  const limit = limiter(plan.concurrency);
  const repositories = await repositoriesOf(plan.targets, opener);
  const { found, empty, unreadable } = await readArtifacts(repositories, unreadRun, { opener, limit, access: "pull" });
  const byRun = new Map(found.map((one) => [one.run, one]));
  const selected = selectRuns([...byRun.keys()], plan).flatMap((run) => byRun.get(run) ?? []);
  const runs = await readLogs(selected, plan.logLines, limit, plan.concurrency);
  const page = reportPage({ title: plan.title, time: plan.now, runs, unreadable });
  return { page, empty, unreadable, total: found.length, runs: runs.length };
}
