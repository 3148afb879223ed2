import { type Bench, type Contest, type Contestant, secondsOf } from "../bench.ts";
import { OUR_CROWD_PUSHER, orasPusher, type Pusher } from "../commands.ts";
import { allowedProcessors } from "../machine.ts";
import { MEMORY } from "../names.ts";
import { formatCount } from "../numbers.ts";
import { compressors, GZIP, ORAS, OURS, onProcessors, PIGZ, pushers } from "../pushers.ts";
import type { Growth } from "../result.ts";
import { pushMany } from "./crowd.ts";
import { addWrittenBytes } from "./push.ts";

/** Numbers of processors. The bench skips a number if the machine has fewer processors. */
const CORES = [1, 2, 4, 8, 16];

/** Numbers of parallel pushes. */
const PUSHES = [1, 2, 4, 8, 20, 50];

/** The size of each push in the plot of parallel pushes, in MiB. */
const SIZE = 5;

/** The goal for the time that each small file adds to a push, in microseconds. */
const FILE_COST = 25;

/** The goal for the memory of a push of any size, in MiB. */
const PUSH_MEMORY = 48;

/** Measures how the time of a push grows with the number of files. */
export async function growWithFiles(bench: Bench): Promise<void> {
  const steps = [1, 10, 100, 1000, 10_000, 100_000].filter((count) => count <= bench.scale.mostFiles);
  const contests = await measureGrowth(bench, {
    name: "files",
    title: "Push small files",
    x: "files",
    y: "seconds",
    steps,
    work: (count) => `push a tree of ${formatCount(count)} ${count === 1 ? "file" : "files"}`,
    contestants: (count) => allContestants(bench, bench.trees.small(count)),
  });
  const [few, most] = [contests.at(-2), contests.at(-1)].map((contest) => secondsOf(contest?.get(OURS))[0] ?? 0);
  const [fewer = 0, all = 0] = steps.slice(-2);
  const values = [(((most as number) - (few as number)) / (all - fewer)) * 1e6];
  const figure = "microseconds for each additional file";
  bench.addRow({ work: `push a tree of ${formatCount(all)} files`, figure, values, goal: FILE_COST });
}

/** Measures how the time of a push grows with the size of the data. The memory of our push must not grow. */
export async function growWithSize(bench: Bench): Promise<void> {
  const { scale, trees } = bench;
  const tree = (size: number) => (size > scale.tree ? trees.repeated(size, scale.tree) : trees.text(size));
  const steps = [1, 10, 100, 4096].filter((size) => size <= scale.huge);
  const work = (size: number) => `push a tree of ${formatCount(size)} MiB`;
  const contests = await measureGrowth(bench, {
    name: "size",
    title: "Push text",
    x: "MiB",
    y: "seconds",
    steps,
    work,
    // Only our push gets the largest tree. The other programs would need several minutes for it.
    contestants: (size) =>
      size > scale.tree ? pushers(bench, tree(size)).slice(0, 1) : allContestants(bench, tree(size)),
  });
  const largest = contests.at(-1) as Contest;
  const values = (largest.get(OURS) ?? []).map(({ memory }) => memory);
  const name = work(steps.at(-1) as number);
  bench.addRow({ work: name, figure: MEMORY, values, goal: PUSH_MEMORY });
  addWrittenBytes(bench, name, largest);
  bench.registry.empty();
}

/** Measures how the throughput changes with the number of parallel pushes. */
export async function growWithPushes(bench: Bench): Promise<void> {
  const { scale, trees, registry, peers } = bench;
  const path = trees.text(SIZE);
  const before = () => registry.empty();
  const many = (pusher: Pusher, count: number) => () => pushMany(pusher, registry.address, path, count, count);
  const oras = orasPusher(peers.oras);
  await measureGrowth(bench, {
    name: "pushes",
    title: `Parallel pushes of ${SIZE} MiB to one registry`,
    x: "parallel pushes",
    y: "MiB per second, all pushes together",
    steps: PUSHES.filter((count) => count <= scale.pushes),
    work: (count) => `${count === 1 ? "1 push" : `${count} parallel pushes`} of ${SIZE} MiB`,
    contestants: (count) => [
      { name: OURS, before, job: many(OUR_CROWD_PUSHER, count) },
      { name: ORAS, before, job: oras && many(oras, count) },
      { name: PIGZ, job: peers.pigz === undefined ? undefined : many(compressorOf(peers.pigz), count) },
      { name: GZIP, job: peers.gzip === undefined ? undefined : many(compressorOf(peers.gzip), count) },
    ],
    value: (count, seconds) => (count * SIZE) / seconds,
  });
}

/** Measures how the time of a push changes with the number of processors. */
export async function growWithCores(bench: Bench): Promise<void> {
  const { scale, trees } = bench;
  const size = Math.min(256, scale.tree);
  const path = trees.text(size);
  const processors = allowedProcessors();
  const steps = CORES.filter((count) => count <= processors.length);
  for (const count of CORES.filter((one) => !steps.includes(one)))
    bench.missing.add(`pushes with ${count} processors, because this machine has only ${processors.length}`);
  await measureGrowth(bench, {
    name: "cores",
    title: `Push ${size} MiB of text`,
    x: "processors",
    y: "seconds",
    steps,
    work: (count) => `push ${size} MiB of text with ${count} ${count === 1 ? "processor" : "processors"}`,
    contestants: (count) => onProcessors(allContestants(bench, path), processors.slice(0, count)),
  });
}

/** A growth plot to measure. */
interface Plan extends Pick<Growth, "name" | "title" | "x" | "y"> {
  /** The values of x, in ascending order. */
  readonly steps: readonly number[];
  readonly work: (step: number) => string;
  readonly contestants: (step: number) => readonly Contestant[];
  /** Computes y. The default is the time. */
  readonly value?: (step: number, seconds: number) => number;
}

/** Our push, the push of `oras`, and the programs that only compress. */
function allContestants(bench: Bench, path: string): Contestant[] {
  return [...pushers(bench, path), ...compressors(bench, path)];
}

/**
 * Returns a command that compresses a file or folder with a program. The command takes the same two arguments as a
 * push, a reference and a path, but ignores the reference.
 */
function compressorOf(program: string): Pusher {
  return ["sh", "-c", `tar -cf - "$2" | ${program} -6 -c | wc -c`, "sh"];
}

/**
 * Measures each contestant once at each step, and stores one curve for each contestant. Returns the measurements of
 * each step.
 */
async function measureGrowth(bench: Bench, plan: Plan): Promise<Contest[]> {
  const { name, title, x, y, steps, work, contestants, value = (_, seconds) => seconds } = plan;
  const curves = new Map<string, (readonly [number, number])[]>();
  const contests: Contest[] = [];
  for (const step of steps) {
    const contest = await bench.runContest(work(step), 1, contestants(step));
    contests.push(contest);
    for (const [who, [result]] of contest)
      if (result !== undefined) curves.set(who, [...(curves.get(who) ?? []), [step, value(step, result.seconds)]]);
  }
  bench.growth.push({
    name,
    title,
    x,
    y,
    curves: [...curves].map(([who, points]) => ({ name: who, points })),
    works: steps.map(work),
  });
  return contests;
}
