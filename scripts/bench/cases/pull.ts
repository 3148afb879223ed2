import { rmSync } from "node:fs";
import type { Bench } from "../bench.ts";
import { pullWithOras, pullWithOurs, pushWithOurs } from "../commands.ts";
import { measure } from "../measured.ts";

/** Pulls of what the pushes push. */
export async function pulls(bench: Bench): Promise<void> {
  const { scale, trees } = bench;
  await pull(bench, `${scale.large} MiB of text`, trees.text(scale.large), scale.rounds);
  await pull(bench, `${scale.files} small files`, trees.small(scale.files), scale.rounds + 2);
  await pull(bench, `a file of ${scale.large} MiB`, trees.noise(scale.large), scale.rounds);
  await pull(bench, `${scale.large} MiB of compressed files`, trees.compressed(scale.large), scale.rounds);
}

/**
 * Each pull is into a folder of its own. One with many files stays until all are done: ext4 does not give out again for
 * minutes what was a file, and looks through all of that at each new one. One with much in it goes at once, before the disk
 * has to take it.
 */
async function pull(bench: Bench, what: string, path: string, rounds: number): Promise<void> {
  const { registry, peers } = bench;
  const { oras } = peers;
  const work = `pull ${what}`;
  const reference = `${registry.address}/bench/pull:1`;
  registry.empty();
  await measure(pushWithOurs(reference, path));
  const manyFiles = path === bench.trees.small(bench.scale.files);
  const folders: string[] = [];
  const remove = () => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  };
  const before = () => {
    if (!manyFiles) remove();
    folders.push(bench.emptyFolder(`pulled-${folders.length}`));
  };
  const last = () => folders.at(-1) as string;
  const contest = await bench.contest(work, rounds, [
    { name: "oras-push pull", before, job: () => pullWithOurs(reference, last()) },
    { name: "oras pull", before, job: oras === undefined ? undefined : () => pullWithOras(oras, reference, last()) },
  ]);
  bench.ratio(work, contest, "oras-push pull", "oras pull", 1);
  remove();
}
