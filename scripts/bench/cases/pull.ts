import { rmSync } from "node:fs";
import type { Bench } from "../bench.ts";
import { pullWithOras, pullWithOurs, pushWithOurs } from "../commands.ts";
import { measure } from "../measure.ts";
import { formatCount } from "../numbers.ts";

const OURS = "oras-push pull";
const PEER = "oras pull";

/** Measures pulls of the same trees as in the push cases. */
export async function measurePulls(bench: Bench): Promise<void> {
  const { scale, trees } = bench;
  const size = formatCount(scale.tree);
  await pull(bench, `${size} MiB of text`, trees.text(scale.tree), scale.rounds);
  await pull(bench, `${formatCount(scale.files)} small files`, trees.small(scale.files), scale.rounds + 2);
  await pull(bench, `a file of ${formatCount(scale.large)} MiB`, trees.noise(scale.large), scale.rounds);
  await pull(bench, `${size} MiB of compressed files`, trees.compressed(scale.tree), scale.rounds);
}

/**
 * Each round pulls into a new folder. Folders with many files stay until all rounds have ended. An earlier removal
 * would make the next rounds slow: for minutes, ext4 does not reuse the inodes of removed files, but searches all these
 * inodes for each new file. Folders with large files are removed before the next round, so that the kernel does not
 * write the files to disk.
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
  const contest = await bench.runContest(work, rounds, [
    { name: OURS, before, job: () => pullWithOurs(reference, last()) },
    { name: PEER, before, job: oras === undefined ? undefined : () => pullWithOras(oras, reference, last()) },
  ]);
  bench.addRatio(work, contest, OURS, PEER, 1);
  remove();
}
