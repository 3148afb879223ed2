import type { Bench, Contestant } from "../bench.ts";
import { compressFolder, OUR_PUSHER, orasPusher, type Pusher, pushWithOras, pushWithOurs } from "../commands.ts";
import type { Job } from "../measure.ts";
import { formatCount } from "../numbers.ts";
import type { Growth } from "../result.ts";
import { pushMany } from "./crowd.ts";

/** Numbers of compression threads. If the machine has fewer processors, threads share them. */
const THREADS = [1, 2, 4, 8, 16];

/** Numbers of pushes at once. */
const PUSHES = [1, 2, 4, 8, 20, 50, 100, 200];

/** The size of each of the many pushes at once, in MiB. */
const SIZE = 5;

/** Measures how the time of a push grows with the number of files. */
export async function growWithFiles(bench: Bench): Promise<void> {
  await measureGrowth(bench, {
    name: "files",
    title: "Time to push small files",
    x: "files",
    y: "seconds",
    steps: [1, 10, 100, 1000, 10_000, 100_000].filter((count) => count <= bench.scale.mostFiles),
    work: (count) => `push a tree of ${formatCount(count)} ${count === 1 ? "file" : "files"}`,
    contestants: (count) => pushers(bench, bench.trees.small(count)),
  });
}

/** Measures how the time of a push grows with the size. */
export async function growWithSize(bench: Bench): Promise<void> {
  const { scale, trees } = bench;
  const tree = (size: number) => (size > scale.large ? trees.repeated(size, scale.large) : trees.text(size));
  await measureGrowth(bench, {
    name: "size",
    title: "Time to push text",
    x: "MiB",
    y: "seconds",
    steps: [1, 10, 100, 1024, 10_240].filter((size) => size <= scale.huge),
    work: (size) => `push a tree of ${formatCount(size)} MiB`,
    // The peer would need several minutes for the largest tree.
    contestants: (size) => pushers(bench, tree(size)).slice(0, size > scale.large ? 1 : 2),
  });
}

/** Measures how the throughput changes with the number of pushes at once. */
export async function growWithPushes(bench: Bench): Promise<void> {
  const { scale, trees, registry, peers } = bench;
  const path = trees.text(SIZE);
  const before = () => registry.empty();
  const many = (pusher: Pusher, count: number) => () => pushMany(pusher, registry.address, path, count, count);
  const oras = orasPusher(peers.oras);
  await measureGrowth(bench, {
    name: "pushes",
    title: `Throughput of pushes of ${SIZE} MiB at once to one registry`,
    x: "pushes at once",
    y: "MiB per second, all pushes together",
    steps: PUSHES.filter((count) => count <= scale.pushes),
    work: (count) => `${count} ${count === 1 ? "push" : "pushes"} of ${SIZE} MiB at once`,
    contestants: (count) => [
      { name: "oras-push", before, job: many(OUR_PUSHER, count) },
      { name: "oras push", before, job: oras && many(oras, count) },
    ],
    value: (count, seconds) => (count * SIZE) / seconds,
  });
}

/** Measures how the time of a push changes with the number of threads and of processors. */
export async function growWithThreads(bench: Bench): Promise<void> {
  const { scale, trees, registry, peers } = bench;
  const { oras, pigz } = peers;
  const size = Math.min(256, scale.large);
  const path = trees.text(size);
  const reference = `${registry.address}/bench/threads:1`;
  const before = () => registry.empty();
  const ours = (threads: number, ...prefix: readonly string[]): Job => {
    const { argv, ...job } = pushWithOurs(reference, path);
    const env = { UV_THREADPOOL_SIZE: String(threads) };
    return { ...job, argv: [...prefix, ...argv] as unknown as Job["argv"], env };
  };
  const theirs = (program: string, threads: number): Job => ({
    ...pushWithOras(program, reference, path),
    env: { GOMAXPROCS: String(threads) },
  });
  await measureGrowth(bench, {
    name: "threads",
    title: `Time to push ${size} MiB of text`,
    x: "threads",
    y: "seconds",
    steps: THREADS,
    work: (threads) => `push ${size} MiB of text with ${threads} ${threads === 1 ? "thread" : "threads"}`,
    contestants: (threads) => [
      { name: "oras-push, all processors", before, job: () => ours(threads) },
      { name: "oras-push, one processor", before, job: () => ours(threads, "taskset", "-c", "0") },
      { name: "oras push, all processors", before, job: oras === undefined ? undefined : () => theirs(oras, threads) },
      {
        name: "tar | pigz -6, all processors",
        job: pigz === undefined ? undefined : () => compressFolder(pigz, path, "-p", String(threads)),
      },
    ],
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

/** Measures each contestant once at each step, and stores one curve for each contestant. */
async function measureGrowth(bench: Bench, plan: Plan): Promise<void> {
  const { name, title, x, y, steps, work, contestants, value = (_, seconds) => seconds } = plan;
  const curves = new Map<string, (readonly [number, number])[]>();
  for (const step of steps)
    for (const [who, [result]] of await bench.runContest(work(step), 1, contestants(step)))
      if (result !== undefined) curves.set(who, [...(curves.get(who) ?? []), [step, value(step, result.seconds)]]);
  bench.growth.push({
    name,
    title,
    x,
    y,
    curves: [...curves].map(([who, points]) => ({ name: who, points })),
    works: steps.map(work),
  });
}

/** Our push and the push of `oras`, each into an empty registry. */
function pushers(bench: Bench, path: string): readonly Contestant[] {
  const { registry, peers } = bench;
  const { oras } = peers;
  const reference = `${registry.address}/bench/growth:1`;
  const before = () => registry.empty();
  return [
    { name: "oras-push", before, job: () => pushWithOurs(reference, path) },
    { name: "oras push", before, job: oras === undefined ? undefined : () => pushWithOras(oras, reference, path) },
  ];
}
