/**
 * Runs a step with each possible ending in a real cluster. Compares the status of the Job, the exit codes and the
 * content of the registry with the table in `docs/endings.md`. With WRITE_ENDINGS=true, writes this table instead.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Cluster } from "../../support/cluster/cluster.ts";
import { CLUSTER_SKIP, startTestCluster, waitForState } from "../support/cluster.ts";
import { forwardRegistry, NodeRegistry, startRegistry } from "../support/cluster-registries.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { ENDINGS, type Ending } from "./endings/endings.ts";
import { changedJob, type Job, REPOSITORY, standardJob } from "./endings/job.ts";
import { type EndingResult, exitCodes, failureMessages, filesByTag } from "./endings/result.ts";
import { RunningStep } from "./endings/running-step.ts";
import { documentedRows, isDocumentedRow, rowOf, writeRows } from "./endings/table.ts";

/** The number of steps that run at the same time. A node with 2 processors has room for the pods of about 8 steps. */
const CONCURRENCY = 6;

/** The user and the password of the registry that checks them. The other registries accept any user and password. */
const LOGIN = "user:right";

interface JobStatus {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
  };
}

describe("in a real cluster, a step whose ending is", { skip: CLUSTER_SKIP, timeout: 900_000 }, () => {
  const folder = temporaryFolder({ after });
  const results = new Map<string, EndingResult>();
  let cluster: Cluster;
  let registry: string;
  let standard: Job;

  before(async () => {
    cluster = await startTestCluster("endings");
    await startRegistry(cluster);
    registry = await forwardRegistry(cluster);
    standard = await standardJob(cluster);
  });

  after(async () => {
    const names = ENDINGS.map(({ name }) => name);
    if (process.env.WRITE_ENDINGS === "true") writeRows(names, results);
    await cluster?.[Symbol.asyncDispose]();
  });

  describe("beside other steps", { concurrency: CONCURRENCY }, () =>
    testEndings(ENDINGS.filter(({ alone }) => !alone)),
  );
  describe("alone", () => testEndings(ENDINGS.filter(({ alone }) => alone)));

  function testEndings(endings: readonly Ending[]): void {
    for (const ending of endings)
      it(ending.name, async () => {
        const result = await run(ending);
        results.set(ending.name, result);
        // If the registry has no file, there was a failure: the application did not start, or its output was lost. A
        // message must report this failure.
        const isPushed = Object.values(result.registry).some((files) => files.length > 0);
        assert.ok(isPushed || result.messages.length > 0, `output was lost without a message: ${rowOf(result)}`);
        if (process.env.WRITE_ENDINGS === "true") return;
        const isResultOf = (name: string) => isDocumentedRow(rowOf({ ...result, name }), documentedRows().get(name));
        const { name, onBusyNode = [] } = ending;
        if (![name, ...onBusyNode].some(isResultOf)) assert.equal(rowOf(result), documentedRows().get(name));
      });
  }

  async function run(ending: Ending): Promise<EndingResult> {
    const index = ENDINGS.indexOf(ending);
    const name = `ending-${index}`;
    const own = await ownRegistry(ending, 5100 + index);
    const host = own?.host ?? "oras-0.oras.$(POD_NAMESPACE).svc.cluster.local:5000";
    using step = new RunningStep(cluster, name);
    const plain = own === undefined ? {} : { ORAS_PLAIN_HTTP: "true" };
    const changes = { ...ending.changes, env: { ...plain, ...ending.changes.env } };
    await cluster.create(changedJob(standard, name, host, changes));
    await ending.act?.(step, own as NodeRegistry);
    const job = await ended(name);
    const pods = [...step.pods.values()];
    return {
      name: ending.name,
      job,
      application: exitCodes(pods, "application"),
      sidecar: exitCodes(pods, "oras").filter((code, run, codes) => code !== codes[run - 1]),
      registry: await filesByTag(own?.address ?? registry, `${REPOSITORY}/${name}`, LOGIN, join(folder, name)),
      messages: failureMessages(pods),
    };
  }

  async function ownRegistry({ registry: kind }: Ending, port: number): Promise<NodeRegistry | undefined> {
    if (kind === undefined) return undefined;
    const [user = "", password = ""] = LOGIN.split(":");
    const plan = { name: `registry-${port}`, port, ...(kind === "password" ? { login: { user, password } } : {}) };
    const own = await NodeRegistry.create(cluster, plan);
    if (kind !== "stopped") await own.start();
    return own;
  }

  async function ended(name: string): Promise<string> {
    const end = ({ status }: JobStatus) => {
      const condition = status?.conditions?.find(
        (one) => /^(Complete|Failed)$/.test(one.type) && one.status === "True",
      );
      if (condition === undefined) return undefined;
      return condition.type === "Failed" ? `Failed: ${condition.reason}` : condition.type;
    };
    return await waitForState(cluster, `/apis/batch/v1/namespaces/experiments/jobs/${name}`, end, 180);
  }
});
