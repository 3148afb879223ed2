/**
 * Random kills during a series of Jobs in a real cluster. CLUSTER_KILLS_SECONDS sets the duration. CLUSTER_KILLS_SEED
 * sets the seed, so that you can repeat a run.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../support/cluster/cluster.ts";
import { runTool } from "../../support/tools.ts";
import { CLUSTER_SKIP, NAMESPACE, podStates, startTestCluster } from "../support/cluster.ts";
import { NodeRegistry } from "../support/cluster-registries.ts";
import { type Dice, diceOf } from "../support/dice.ts";
import { killInPod } from "../support/pod-processes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { changedJob, type Job, OUTPUT, REPOSITORY, standardJob } from "./endings/job.ts";

const SECONDS = Number(process.env.CLUSTER_KILLS_SECONDS ?? 60);
const KILLS_PER_MINUTE = 10;
const JOBS_AT_ONCE = 5;

/**
 * The time limit of a pod, in seconds. A sidecar retries a push for two minutes, and the launcher waits for this push.
 */
const POD_SECONDS = 300;

const FILES = 20;

/** The command lines of the processes that the test can kill in a pod. */
const VICTIMS = { application: /^sh -ec /, launcher: /bin\/launcher /, sidecar: /oras-push sidecar / };

type Victim = keyof typeof VICTIMS | "registry";

interface JobState {
  readonly metadata: { readonly name: string };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

interface PodState {
  readonly metadata: { readonly uid: string };
  readonly status: { readonly phase: string };
}

describe("in a real cluster, with random kills", { skip: CLUSTER_SKIP, timeout: (SECONDS + 900) * 1000 }, () => {
  const folder = temporaryFolder({ after });
  let cluster: Cluster;
  let registry: NodeRegistry;
  let standard: Job;

  before(async () => {
    cluster = await startTestCluster("kills");
    await cluster.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
    registry = await NodeRegistry.create(cluster, { name: "kills-registry", port: 5100 });
    await registry.start();
    standard = await standardJob(cluster);
  });

  after(() => cluster?.[Symbol.asyncDispose]());

  it("each Job that succeeds has its whole output in the registry, and no pod exceeds its bound", async (context) => {
    const seed = Number(process.env.CLUSTER_KILLS_SEED ?? Date.now() % 1_000_000);
    const dice = diceOf(seed);
    const kills = new Map<Victim, number>();
    const end = Date.now() + SECONDS * 1000;
    const killing = killUntil(end, dice, kills);
    let created = 0;
    while (Date.now() < end) {
      for (let open = (await openJobs()).length; open < JOBS_AT_ONCE; open++) await createJob(created++);
      await sleep(500);
    }
    await killing;
    await untilAllEnded();
    const jobs = await allJobs();
    const succeeded = jobs.filter((job) => hasCondition(job, "Complete"));
    context.diagnostic(`seed ${seed}: ${jobs.length} Jobs, ${succeeded.length} succeeded; kills: ${countsOf(kills)}`);
    assert.equal(jobs.length, created);
    assert.ok(succeeded.length > 0, await podStates(cluster));
    for (const { metadata } of succeeded) await assertWhole(metadata.name);
  });

  async function createJob(index: number): Promise<void> {
    const name = `job-${index}`;
    const write = `for i in $(seq ${FILES}); do echo "${name} $i" > ${OUTPUT}/$i; sleep 0.2; done`;
    const command = ["sh", "-ec", `mkdir ${OUTPUT}; ${write}`];
    const edit = ({ spec }: Job) => {
      spec.backoffLimit = 6;
      spec.template.spec.activeDeadlineSeconds = POD_SECONDS;
      for (const container of [...spec.template.spec.initContainers, ...spec.template.spec.containers])
        Object.assign(container, { resources: { requests: { cpu: "10m" }, limits: { memory: "256Mi" } } });
    };
    await cluster.create(
      changedJob(standard, name, registry.host, { command, env: { ORAS_PLAIN_HTTP: "true" }, edit }),
    );
  }

  async function killUntil(end: number, dice: Dice, kills: Map<Victim, number>): Promise<void> {
    while (Date.now() < end) {
      await sleep((60_000 / KILLS_PER_MINUTE) * (0.5 + dice.below(1000) / 1000));
      const victim = dice.pick<Victim>(["application", "launcher", "sidecar", "registry"]);
      if (await kill(victim, dice)) kills.set(victim, (kills.get(victim) ?? 0) + 1);
    }
  }

  async function kill(victim: Victim, dice: Dice): Promise<boolean> {
    if (victim === "registry") {
      await registry.kill();
      await sleep(dice.below(1000));
      await registry.start();
      return true;
    }
    const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
    const pods = (await cluster.api.get<{ items: PodState[] }>(path))?.items ?? [];
    const running = pods.filter(({ status }) => status.phase === "Running");
    return running.length > 0 && killInPod(dice.pick(running).metadata.uid, VICTIMS[victim]) > 0;
  }

  async function untilAllEnded(): Promise<void> {
    const end = Date.now() + 2 * POD_SECONDS * 1000;
    while ((await openJobs()).length > 0) {
      assert.ok(Date.now() < end, `Jobs have not ended:\n${await podStates(cluster)}`);
      await sleep(500);
    }
  }

  async function openJobs(): Promise<JobState[]> {
    return (await allJobs()).filter((job) => !hasCondition(job, "Complete") && !hasCondition(job, "Failed"));
  }

  async function allJobs(): Promise<JobState[]> {
    return (await cluster.api.get<{ items: JobState[] }>(`/apis/batch/v1/namespaces/${NAMESPACE}/jobs`))?.items ?? [];
  }

  async function assertWhole(name: string): Promise<void> {
    const target = join(folder, name);
    const reference = `${registry.address}/${REPOSITORY}/${name}:run`;
    const { code, stderr } = await runTool("oras-push", ["pull", reference, "-o", target]);
    assert.equal(code, 0, stderr);
    const content = readdirSync(join(target, "out")).map((file) => readFileSync(join(target, "out", file), "utf8"));
    const expected = Array.from({ length: FILES }, (_, index) => `${name} ${index + 1}\n`);
    assert.deepEqual(content.sort(), expected.sort());
  }
});

function hasCondition({ status }: JobState, type: string): boolean {
  return status.conditions?.some((condition) => condition.type === type && condition.status === "True") === true;
}

function countsOf(kills: ReadonlyMap<Victim, number>): string {
  return [...kills].map(([victim, count]) => `${victim} ${count}`).join(", ");
}
