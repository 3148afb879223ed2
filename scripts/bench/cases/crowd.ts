import { basename, dirname } from "node:path";
import { type Bench, type Contest, secondsOf } from "../bench.ts";
import { OUR_CROWD_PUSHER, orasPusher, type Pusher } from "../commands.ts";
import { type Job, measure } from "../measure.ts";
import { MEMORY } from "../names.ts";
import { ORAS, OURS } from "../pushers.ts";
import { roundRatios } from "../statistics.ts";

/** The size of each push, in MiB. */
const SIZE = 5;

/** The goal for the total memory of all parallel pushes, in MiB. */
const ALL_MEMORY = 3072;

/**
 * In the contest with few parallel pushes, the total number of pushes is the number of parallel pushes times this
 * factor.
 */
const REPEATED = 4;

/** Measures many parallel pushes to one registry, and compares them with few parallel pushes. */
export async function measureCrowd(bench: Bench): Promise<void> {
  const { scale, trees, registry, peers } = bench;
  const { pushes, fewPushes } = scale;
  const path = trees.text(SIZE);
  const oras = orasPusher(peers.oras);
  const before = () => registry.empty();
  const run = (count: number, atOnce: number) => {
    const many = (pusher: Pusher) => () => pushMany(pusher, registry.address, path, count, atOnce);
    return bench.runContest(`${count} pushes of ${SIZE} MiB, ${atOnce} at a time`, Math.min(2, scale.rounds), [
      { name: OURS, before, job: many(OUR_CROWD_PUSHER) },
      { name: ORAS, before, job: oras && many(oras), rounds: 1 },
    ]);
  };
  const few = fewPushes * REPEATED;
  const fewContest = await run(few, fewPushes);
  const allContest = await run(pushes, pushes);
  const work = `${pushes} parallel pushes of ${SIZE} MiB`;
  const throughput = (who: string) => {
    const seconds = (contest: Contest, count: number) => secondsOf(contest.get(who)).map((value) => value / count);
    return roundRatios(seconds(fewContest, few), seconds(allContest, pushes));
  };
  const figure = `x the throughput of ${fewPushes} parallel pushes`;
  bench.addRow({ work, figure, values: throughput(OURS), goal: 0.9, atLeast: true });
  if (oras !== undefined) bench.addRow({ work: `${work} with oras`, figure, values: throughput(ORAS) });
  const together = (allContest.get(OURS) ?? []).map(({ memory }) => memory);
  bench.addRow({ work, figure: `${MEMORY}, all pushes together`, values: together, goal: ALL_MEMORY });
  registry.empty();
  const alone = await measure(pushMany(OUR_CROWD_PUSHER, registry.address, path, 1, 1));
  const memory = together.map((sum) => sum / pushes / alone.memory);
  bench.addRow({ work, figure: "x the memory of a single push, for each push", values: memory, goal: 1.1 });
}

/**
 * Pushes a path to `count` repositories, with at most `atOnce` pushes at the same time. The job fails if one push
 * fails.
 */
export function pushMany(pusher: Pusher, address: string, path: string, count: number, atOnce: number): Job {
  const script = 'count=$1 atOnce=$2; shift 2; seq "$count" | xargs -P "$atOnce" -I "{}" "$@"';
  const push = [...pusher, `${address}/bench/crowd-{}:1`, basename(path)];
  return { argv: ["sh", "-c", script, "sh", String(count), String(atOnce), ...push], cwd: dirname(path) };
}
