import { toolPath } from "../../../support/tools.ts";
import type { Bench } from "../bench.ts";

/** Measures the start of a program that exits at once. */
export async function measureStart(bench: Bench): Promise<void> {
  const { oras } = bench.peers;
  const work = "start and exit";
  const contest = await bench.runContest(work, bench.scale.quickRounds, [
    { name: "oras-push --version", job: () => ({ argv: [toolPath("oras-push"), "--version"] }) },
    { name: "node -e 0", job: () => ({ argv: [process.execPath, "-e", "0"] }) },
    { name: "oras version", job: oras === undefined ? undefined : () => ({ argv: [oras, "version"] }) },
  ]);
  bench.addRatio(work, contest, "oras-push --version", "node -e 0", 1.6);
}
