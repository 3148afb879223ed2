import { type Bench, secondsOf } from "../bench.ts";
import { OUR_PUSHER, orasPusher } from "../commands.ts";
import type { Job } from "../measure.ts";
import { SECONDS } from "../names.ts";
import { formatCount } from "../numbers.ts";
import { compressors, ORAS, OURS, PIGZ, pushers } from "../pushers.ts";

/** The number of folders in one push. */
const FOLDERS = 4;

/** Pushes one small file. The start of the process takes most of the time. */
export async function pushOne(bench: Bench): Promise<void> {
  const work = "push one small file";
  const contest = await bench.runContest(work, bench.scale.quickRounds, pushers(bench, bench.trees.small(1)));
  bench.addRatio(work, contest, OURS, ORAS);
  bench.addRow({ work, figure: SECONDS, values: secondsOf(contest.get(OURS)), goal: 0.06 });
}

/** Pushes a tree that resembles the sources of a program: files of many sizes. */
export async function pushSource(bench: Bench): Promise<void> {
  const { scale, trees } = bench;
  const count = 2 * scale.files;
  const path = trees.source(count);
  const work = `push ${formatCount(count)} source files`;
  const contest = await bench.runContest(work, scale.rounds, [...pushers(bench, path, 1), ...compressors(bench, path)]);
  bench.addRatio(work, contest, OURS, ORAS, 0.3);
  bench.addRatio(work, contest, OURS, PIGZ, 0.7);
}

/** Pushes several folders with one command. Each folder becomes a layer. */
export async function pushFolders(bench: Bench): Promise<void> {
  const { scale, trees, registry, peers } = bench;
  const size = Math.min(256, scale.tree) / FOLDERS;
  const path = trees.folders(FOLDERS, size);
  const names = Array.from({ length: FOLDERS }, (_, index) => `run-${index}`);
  const oras = orasPusher(peers.oras);
  const reference = `${registry.address}/bench/folders:1`;
  const before = () => registry.empty();
  const push = (pusher: readonly [string, ...string[]]): Job => ({ argv: [...pusher, reference, ...names], cwd: path });
  const work = `push ${FOLDERS} folders of ${formatCount(size)} MiB of text in one artifact`;
  const contest = await bench.runContest(work, scale.rounds, [
    { name: OURS, before, job: () => push(OUR_PUSHER) },
    { name: ORAS, before, job: oras && (() => push(oras)), rounds: 1 },
    ...compressors(bench, path),
  ]);
  bench.addRatio(work, contest, OURS, ORAS, 0.35);
  bench.addRatio(work, contest, OURS, PIGZ, 1);
}
