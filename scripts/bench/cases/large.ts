import type { Bench } from "../bench.ts";
import { pushWithOurs } from "../commands.ts";
import { MEMORY } from "../names.ts";
import { formatCount } from "../numbers.ts";
import { addWrittenBytes } from "./push.ts";

/** Pushes a tree of 10 GiB. Its memory must not grow with the size. */
export async function pushHuge(bench: Bench): Promise<void> {
  const { scale, trees, registry } = bench;
  const path = trees.repeated(scale.huge, scale.large);
  const work = `push ${formatCount(scale.huge)} MiB of text`;
  const contest = await bench.runContest(work, 1, [
    {
      name: "oras-push",
      before: () => registry.empty(),
      job: () => pushWithOurs(`${registry.address}/bench/huge:1`, path),
    },
  ]);
  const results = contest.get("oras-push") ?? [];
  bench.addRow({ work, figure: MEMORY, values: results.map(({ memory }) => memory), goal: 150 });
  addWrittenBytes(bench, work, contest);
  registry.empty();
}
