import type { Bench, Contestant } from "../bench.ts";
import { pushWithOras, pushWithOurs } from "../commands.ts";
import { type Job, measure } from "../measured.ts";
import type { Growth } from "../result.ts";
import { manyPushes, OURS } from "./crowd.ts";

/** Threads that compress, as far as this machine has fewer processors they take turns. */
const THREADS = [1, 2, 4, 8, 16];

/** How a push's time grows with the number of files. */
export async function growthWithFiles(bench: Bench): Promise<void> {
  const counts = [1, 10, 100, 1000, 10_000, 100_000].filter((count) => count <= bench.scale.mostFiles);
  const jobs = (count: number) => pushers(bench, bench.trees.small(count));
  const title = "Pushing many small files";
  const axes = { name: "files", title, x: "files", y: "seconds" };
  await growth(bench, axes, counts, jobs, (count) => `push a tree of ${count} files`);
}

/** How a push's time grows with the size. */
export async function growthWithSize(bench: Bench): Promise<void> {
  const { scale, trees } = bench;
  const sizes = [1, 10, 100, 1024, 10_240].filter((size) => size <= scale.huge);
  const tree = (size: number) => (size > scale.large ? trees.repeated(size, scale.large) : trees.text(size));
  // The largest would keep the peer busy for minutes.
  const jobs = (size: number) => pushers(bench, tree(size)).slice(0, size > scale.large ? 1 : 2);
  const axes = { name: "size", title: "Pushing text of any size", x: "MiB", y: "seconds" };
  await growth(bench, axes, sizes, jobs, (size) => `push a tree of ${size} MiB`);
}

/** How the throughput changes with the number of pushes at once. */
export async function growthWithPushes(bench: Bench): Promise<void> {
  const { scale, trees, registry } = bench;
  const path = trees.text(5);
  const points: (readonly [number, number])[] = [];
  for (const count of [1, 2, 4, 8, 20, 50, 100, 200].filter((one) => one <= scale.pushes)) {
    registry.empty();
    const { seconds } = await measure(manyPushes(OURS, registry.address, path, count, count));
    points.push([count, (count * 5) / seconds]);
  }
  const curves = [{ name: "oras-push", points }];
  const title = "Many pushes of 5 MiB at once to one registry";
  bench.growth.push({ name: "pushes", title, x: "pushes at once", y: "MiB a second, all together", curves, works: [] });
}

/** How a push's time changes with the number of threads, and of processors. */
export async function growthWithThreads(bench: Bench): Promise<void> {
  const { scale, trees, registry } = bench;
  const path = trees.text(Math.min(256, scale.large));
  const reference = `${registry.address}/bench/threads:1`;
  const withThreads = (threads: number, ...prefix: readonly string[]): Job => {
    const { argv, ...job } = pushWithOurs(reference, path);
    return {
      ...job,
      argv: [...prefix, ...argv] as unknown as Job["argv"],
      env: { UV_THREADPOOL_SIZE: String(threads) },
    };
  };
  const contestants = (threads: number): Contestant[] => [
    { name: "all processors", before: () => registry.empty(), job: () => withThreads(threads) },
    { name: "one processor", before: () => registry.empty(), job: () => withThreads(threads, "taskset", "-c", "0") },
  ];
  const axes = { name: "threads", title: "Pushing 256 MiB of text", x: "threads", y: "seconds" };
  await growth(bench, axes, THREADS, contestants, (threads) => `push with ${threads} threads`);
}

/** Measures contestants over a scale, once at each step, and keeps the curve of each. */
async function growth(
  bench: Bench,
  axes: Pick<Growth, "name" | "title" | "x" | "y">,
  scale: readonly number[],
  contestants: (step: number) => readonly Contestant[],
  name: (step: number) => string,
): Promise<void> {
  const curves = new Map<string, (readonly [number, number])[]>();
  for (const step of scale)
    for (const [who, [result]] of await bench.contest(name(step), 1, contestants(step)))
      if (result !== undefined) curves.set(who, [...(curves.get(who) ?? []), [step, result.seconds]]);
  bench.growth.push({
    ...axes,
    curves: [...curves].map(([who, points]) => ({ name: who, points })),
    works: scale.map(name),
  });
}

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
