import { basename, dirname } from "node:path";
import { toolPath } from "../../../support/tools.ts";
import type { Bench } from "../bench.ts";
import { type Job, measure } from "../measured.ts";

/** How we push. */
export const OURS: readonly string[] = [toolPath("oras-push")];

/** Each pushes so much, in mebibytes. */
const SIZE = 5;

/** Many pushes at once to one registry. */
export async function crowd(bench: Bench): Promise<void> {
  const { scale, trees, registry, peers } = bench;
  const { oras } = peers;
  const path = trees.text(SIZE);
  const { pushes, fewPushes } = scale;
  const work = `${pushes} pushes of ${SIZE} MiB`;
  const all = `${pushes} at once`;
  const few = `${fewPushes} at once`;
  const before = () => registry.empty();
  const many = (pusher: readonly string[], atOnce: number) => () =>
    manyPushes(pusher, registry.address, path, pushes, atOnce);
  const peer = oras === undefined ? undefined : [oras, "push", "--plain-http"];
  // A push that fails ends the work with its failure.
  const contest = await bench.contest(work, scale.rounds, [
    { name: all, before, job: many(OURS, pushes) },
    { name: few, before, job: many(OURS, fewPushes) },
    { name: `oras, ${all}`, before, job: peer && many(peer, pushes), rounds: 1 },
    { name: `oras, ${few}`, before, job: peer && many(peer, fewPushes), rounds: 1 },
  ]);
  const times = (who: string) => (contest.get(who) ?? []).map(({ seconds }) => seconds);
  const throughput = (prefix: string) =>
    times(prefix + few).map((seconds, round) => seconds / (times(prefix + all)[round] as number));
  bench.row({ work, figure: `x the throughput of ${few}`, values: throughput(""), goal: 0.8, atLeast: true });
  if (peer !== undefined)
    bench.row({ work: `${work} by oras`, figure: `x the throughput of ${few}`, values: throughput("oras, ") });
  registry.empty();
  const alone = await measure(manyPushes(OURS, registry.address, path, 1, 1));
  const together = (contest.get(all) ?? []).map(({ memory }) => memory / pushes / alone.memory);
  bench.row({ work, figure: "x the memory of one alone, each", values: together, goal: 1.1 });
}

/** So many pushes to repositories of their own, a number of them at once; fails where one fails. */
export function manyPushes(
  pusher: readonly string[],
  address: string,
  path: string,
  count: number,
  atOnce: number,
): Job {
  const script = 'count=$1 atOnce=$2; shift 2; seq "$count" | xargs -P "$atOnce" -I "{}" "$@"';
  const push = [...pusher, `${address}/bench/crowd-{}:1`, basename(path)];
  return { argv: ["sh", "-c", script, "sh", String(count), String(atOnce), ...push], cwd: dirname(path) };
}
