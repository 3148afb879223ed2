import { setTimeout as sleep } from "node:timers/promises";
import { type Running, startTool } from "../../../support/tools.ts";
import type { Bench } from "../bench.ts";
import { anonymousMemory, processorTime } from "../measured.ts";

/** How long a wait is that the goals speak of, in seconds. */
const WAIT = 600;

/** Tools that are started need this long until they wait, in milliseconds. */
const SETTLE = 2000;

/** Starts the tools and leaves them waiting; what that cost is told when the function that it gives is called. */
export async function startIdle(bench: Bench): Promise<() => Promise<void>> {
  const share = bench.emptyFolder("idle");
  const options = { stdio: "ignore" } as const;
  const running: readonly (readonly [name: string, tool: Running, memory?: number])[] = [
    ["wait-fs", startTool("wait-fs", ["-p", `${share}/never`], options), 12],
    ["sidecar", startTool("oras-push", ["sidecar", "--share", share, "NA", "127.0.0.1:9/never/run:1"], options), 16],
    ["launcher", startTool("launcher", ["--share", share, "--", "sleep", "100000"], options)],
  ];
  const started = performance.now();
  await sleep(SETTLE);
  const before = running.map(([, { pid }]) => processorTime(pid));
  return async () => {
    await sleep(Math.max(0, started + SETTLE + bench.scale.wait * 1000 - performance.now()));
    const seconds = (performance.now() - started - SETTLE) / 1000;
    for (const [index, [name, { pid }, memory]] of running.entries()) {
      const work = `${name} waits`;
      // A launcher's own memory, not that of the command that it runs.
      bench.row({
        work,
        figure: "MiB of memory",
        values: [anonymousMemory(pid, false)],
        ...(memory === undefined ? {} : { goal: memory }),
      });
      const cpu = processorTime(pid) - (before[index] as number);
      const figure = `s CPU in ${WAIT} s (waited ${Math.round(seconds)} s)`;
      bench.row({ work, figure, values: [(cpu / seconds) * WAIT], goal: 0.1 });
    }
    for (const [, { child, ended }] of running) {
      child.kill("SIGTERM");
      await ended;
    }
  };
}
