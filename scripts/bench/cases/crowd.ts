import { basename, dirname } from "node:path";
import { type Bench, secondsOf } from "../bench.ts";
import { OUR_PUSHER, orasPusher, type Pusher } from "../commands.ts";
import { type Job, measure } from "../measure.ts";
import { MEMORY } from "../names.ts";
import { roundRatios } from "../statistics.ts";

/** The size of each push, in MiB. */
const SIZE = 5;

/** The goal for the memory of all pushes at once, in MiB. */
const ALL_MEMORY = 3072;

/** Measures many pushes at once to one registry. */
export async function measureCrowd(bench: Bench): Promise<void> {
  const { scale, trees, registry, peers } = bench;
  const path = trees.text(SIZE);
  const { pushes, fewPushes } = scale;
  const work = `${pushes} pushes of ${SIZE} MiB`;
  const all = `${pushes} at once`;
  const few = `${fewPushes} at once`;
  const before = () => registry.empty();
  const many = (pusher: Pusher, atOnce: number) => () => pushMany(pusher, registry.address, path, pushes, atOnce);
  const oras = orasPusher(peers.oras);
  const contest = await bench.runContest(work, Math.min(2, scale.rounds), [
    { name: `oras-push, ${all}`, before, job: many(OUR_PUSHER, pushes) },
    { name: `oras-push, ${few}`, before, job: many(OUR_PUSHER, fewPushes) },
    { name: `oras push, ${all}`, before, job: oras && many(oras, pushes), rounds: 1 },
    { name: `oras push, ${few}`, before, job: oras && many(oras, fewPushes), rounds: 1 },
  ]);
  const throughput = (pusher: string) =>
    roundRatios(secondsOf(contest.get(`${pusher}, ${few}`)), secondsOf(contest.get(`${pusher}, ${all}`)));
  const figure = `x the throughput of ${few}`;
  bench.addRow({ work, figure, values: throughput("oras-push"), goal: 0.9, atLeast: true });
  if (oras !== undefined) bench.addRow({ work: `${work} with oras`, figure, values: throughput("oras push") });
  const together = (contest.get(`oras-push, ${all}`) ?? []).map(({ memory }) => memory);
  bench.addRow({ work, figure: `${MEMORY}, all pushes together`, values: together, goal: ALL_MEMORY });
  registry.empty();
  const alone = await measure(pushMany(OUR_PUSHER, registry.address, path, 1, 1));
  const memory = together.map((sum) => sum / pushes / alone.memory);
  bench.addRow({ work, figure: "x the memory of a single push, for each push", values: memory, goal: 1.1 });
}

/** Pushes a path to `count` repositories, `atOnce` of them at the same time. The job fails if one push fails. */
export function pushMany(pusher: Pusher, address: string, path: string, count: number, atOnce: number): Job {
  const script = 'count=$1 atOnce=$2; shift 2; seq "$count" | xargs -P "$atOnce" -I "{}" "$@"';
  const push = [...pusher, `${address}/bench/crowd-{}:1`, basename(path)];
  return { argv: ["sh", "-c", script, "sh", String(count), String(atOnce), ...push], cwd: dirname(path) };
}
