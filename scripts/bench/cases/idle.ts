import { setTimeout as sleep } from "node:timers/promises";
import { type RunningProcess, startTool } from "../../../support/tools.ts";
import type { Bench } from "../bench.ts";
import { anonymousMemory, processorTime } from "../measure.ts";
import { MEMORY, SIDECAR_WAITS } from "../names.ts";

/** The goals refer to a wait of this number of seconds. */
const WAIT = 600;

/** After this number of milliseconds, the tools have started and are waiting. */
const SETTLE = 2000;

/** Starts the tools and lets them wait. Returns a function that measures the tools and ends them. */
export async function startIdle(bench: Bench): Promise<() => Promise<void>> {
  const share = bench.emptyFolder("idle");
  const options = { stdio: "ignore" } as const;
  const running: readonly (readonly [work: string, tool: RunningProcess, memory?: number])[] = [
    ["wait-fs waits", startTool("wait-fs", ["-p", `${share}/never`], options), 8],
    [
      SIDECAR_WAITS,
      startTool("oras-push", ["sidecar", "--share", share, "NA", "127.0.0.1:9/never/run:1"], options),
      10,
    ],
    ["launcher waits", startTool("launcher", ["--share", share, "--", "sleep", "100000"], options)],
  ];
  const started = performance.now();
  await sleep(SETTLE);
  const before = running.map(([, { pid }]) => processorTime(pid));
  return async () => {
    await sleep(Math.max(0, started + SETTLE + bench.scale.wait * 1000 - performance.now()));
    const seconds = (performance.now() - started - SETTLE) / 1000;
    for (const [index, [work, { pid }, memory]] of running.entries()) {
      // The memory of the launcher itself, without its command.
      const values = [anonymousMemory(pid, false)];
      bench.addRow({ work, figure: MEMORY, values, ...(memory === undefined ? {} : { goal: memory }) });
      const cpu = processorTime(pid) - (before[index] as number);
      const figure = `CPU seconds in ${WAIT} s (measured for ${Math.round(seconds)} s)`;
      bench.addRow({ work, figure, values: [(cpu / seconds) * WAIT], goal: 0.1 });
    }
    for (const [work, { child, ended }] of running) {
      // The sidecar gets SIGKILL. After SIGTERM, it would wait until the launcher ends.
      child.kill(work === SIDECAR_WAITS ? "SIGKILL" : "SIGTERM");
      await ended;
    }
  };
}
