import { toolPath } from "../../../support/tools.ts";
import type { Bench } from "../bench.ts";

/** What it costs to start one of the tools. */
export async function start(bench: Bench): Promise<void> {
  const work = "start";
  const contest = await bench.contest(work, bench.scale.quickRounds, [
    { name: "oras-push --version", job: () => ({ argv: [toolPath("oras-push"), "--version"] }) },
    { name: "node -e 0", job: () => ({ argv: [process.execPath, "-e", "0"] }) },
  ]);
  bench.ratio(work, contest, "oras-push --version", "node -e 0", 1.6);
}
