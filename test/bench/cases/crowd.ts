import { toolPath } from "../../support/tools.ts";
import type { Bench } from "../bench.ts";
import { type Job, measure } from "../measured.ts";

/** Each pushes so much, in mebibytes. */
const SIZE = 5;

/** Many pushes at once to one registry. */
export async function crowd(bench: Bench): Promise<void> {
  const { scale, trees, registry } = bench;
  const path = trees.text(SIZE);
  const { pushes, fewPushes } = scale;
  const work = `${pushes} pushes of ${SIZE} MiB`;
  const all = `${pushes} at once`;
  const few = `${fewPushes} at once`;
  const before = () => registry.empty();
  const job = (atOnce: number) => () => manyPushes(registry.address, path, pushes, atOnce);
  // A push that fails ends the work with its failure.
  const contest = await bench.contest(work, scale.rounds, [
    { name: all, before, job: job(pushes) },
    { name: few, before, job: job(fewPushes) },
  ]);
  const times = (who: string) => (contest.get(who) ?? []).map(({ seconds }) => seconds);
  const values = times(few).map((seconds, round) => seconds / (times(all)[round] as number));
  bench.row({ work, figure: `x the throughput of ${few}`, values, goal: 0.8, atLeast: true });
  registry.empty();
  const alone = await measure(manyPushes(registry.address, path, 1, 1));
  const together = (contest.get(all) ?? []).map(({ memory }) => memory / pushes / alone.memory);
  bench.row({ work, figure: "x the memory of one alone, each", values: together, goal: 1.1 });
}

/** So many pushes to tags of their own, a number of them at once; fails where one fails. */
export function manyPushes(address: string, path: string, count: number, atOnce: number): Job {
  const script = 'cd "$1" && seq "$3" | xargs -P "$4" -I "{}" "$5" "$2/bench/crowd-{}:1" "$6"';
  const folder = path.slice(0, path.lastIndexOf("/"));
  const name = path.slice(folder.length + 1);
  const args = [folder, address, String(count), String(atOnce), toolPath("oras-push"), name];
  return { argv: ["sh", "-c", script, "sh", ...args] };
}
