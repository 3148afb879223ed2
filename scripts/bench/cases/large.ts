import type { Bench } from "../bench.ts";
import { pushWithOurs } from "../commands.ts";
import { noTemporaryFiles } from "./push.ts";

/** What does not fit into memory. */
export async function pushHuge(bench: Bench): Promise<void> {
  const { scale, trees, registry } = bench;
  const path = trees.repeated(scale.huge, scale.large);
  const work = `push ${scale.huge} MiB of text`;
  const contest = await bench.contest(work, 1, [
    {
      name: "oras-push",
      before: () => registry.empty(),
      job: () => pushWithOurs(`${registry.address}/bench/huge:1`, path),
    },
  ]);
  const results = contest.get("oras-push") ?? [];
  bench.row({ work, figure: "MiB of memory", values: results.map(({ memory }) => memory), goal: 150 });
  noTemporaryFiles(bench, work, contest);
  registry.empty();
}
