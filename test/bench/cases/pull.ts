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

async function pull(bench: Bench, what: string, path: string, rounds: number): Promise<void> {
  const { registry, peers } = bench;
  const { oras } = peers;
  const work = `pull ${what}`;
  const reference = `${registry.address}/bench/pull:1`;
  registry.empty();
  await measure(pushWithOurs(reference, path));
  let folder = "";
  const before = () => {
    folder = bench.emptyFolder("pulled");
  };
  const contest = await bench.contest(work, rounds, [
    { name: "oras-push pull", before, job: () => pullWithOurs(reference, folder) },
    { name: "oras pull", before, job: oras === undefined ? undefined : () => pullWithOras(oras, reference, folder) },
  ]);
  bench.ratio(work, contest, "oras-push pull", "oras pull", 1);
  bench.emptyFolder("pulled");
}
