import { randomFillSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseCheckpointMarker, parseCheckpointPushedMarker } from "shared/pod/checkpoint-markers";
import { SHARE } from "shared/pod/markers";
import { type RunningProcess, startTool } from "../../../support/tools.ts";
import type { Bench } from "../bench.ts";
import { processorTime } from "../measure.ts";
import { formatNumber } from "../numbers.ts";

/** The number of files in a checkpoint. */
const FILES = 200;

/** Seconds between two checkpoints. A checkpoint contains only files that have not changed for this time. */
const INTERVAL = 1;

/** The longest time that a checkpoint may take, in milliseconds. */
const LIMIT = 180_000;

/**
 * Measures three costs of checkpoints: the first checkpoint, a checkpoint after a change of one file, and the checks
 * while no file changes. The launcher's command sleeps. Therefore, only the tools use CPU time.
 */
export async function measureCheckpoints(bench: Bench): Promise<void> {
  bench.registry.empty();
  const folder = bench.emptyFolder("checkpoints");
  const state = bench.emptyFolder("checkpoints/state");
  const share = bench.emptyFolder("checkpoints/share");
  const bytes = Math.floor((bench.scale.tree * 2 ** 20) / FILES);
  for (let index = 0; index < FILES; index++)
    writeFileSync(join(state, `part-${index}`), randomFillSync(Buffer.alloc(bytes)));
  const options = { cwd: folder, env: { ORAS_SHARE: share, PATH: process.env.PATH }, stdio: "ignore" } as const;
  const sidecar = startTool("oras-push", ["sidecar", "NA", `${bench.registry.address}/bench/checkpoints:1`], options);
  const args = ["--checkpoint", state, "--checkpoint-every", String(INTERVAL), "--", "sleep", "100000"];
  const launcher = startTool("launcher", args, options);
  const size = `${formatNumber(bench.scale.tree)} MiB in ${FILES} files`;
  try {
    await measureOne(bench, `first checkpoint of ${size}`, { launcher, sidecar, share, number: 1 });
    await measureChecks(bench, `no change of ${size}`, launcher);
    writeFileSync(join(state, "part-77"), randomFillSync(Buffer.alloc(bytes)));
    await measureOne(bench, `next checkpoint of ${size}, one changed`, { launcher, sidecar, share, number: 2 });
  } finally {
    launcher.child.kill("SIGTERM");
    sidecar.child.kill("SIGKILL");
    await Promise.all([launcher.ended, sidecar.ended]);
  }
}

interface Running {
  readonly launcher: RunningProcess;
  readonly sidecar: RunningProcess;
  readonly share: string;
  /** The number of the checkpoint. */
  readonly number: number;
}

/** Measures one checkpoint, from now until it is in the registry. */
async function measureOne(bench: Bench, work: string, { launcher, sidecar, share, number }: Running): Promise<void> {
  const before = { launcher: costOf(launcher), sidecar: costOf(sidecar) };
  const start = performance.now();
  const until = async (read: () => number) => {
    while (read() < number) {
      if (performance.now() - start > LIMIT)
        throw new Error(`${work}: no checkpoint ${number} after ${LIMIT / 1000} s`);
      await sleep(10);
    }
    return (performance.now() - start) / 1000;
  };
  const taken = await until(() => numberIn(join(share, SHARE.checkpoint), parseCheckpointMarker));
  const after = costOf(launcher);
  const pushed = await until(() => numberIn(join(share, SHARE.checkpointPushed), parseCheckpointPushedMarker));
  bench.addRow({
    work,
    figure: `seconds until it is taken (${INTERVAL} s of them wait for the files)`,
    values: [taken],
  });
  bench.addRow({ work, figure: "CPU seconds of the launcher", values: [after.cpu - before.launcher.cpu] });
  bench.addRow({
    work,
    figure: "MB that the launcher writes to disk",
    values: [after.written - before.launcher.written],
  });
  bench.addRow({ work, figure: "seconds until it is pushed", values: [pushed] });
  bench.addRow({ work, figure: "CPU seconds of the sidecar", values: [costOf(sidecar).cpu - before.sidecar.cpu] });
}

/** Measures the processor time that the launcher uses for each check. No file changes during this measurement. */
async function measureChecks(bench: Bench, work: string, launcher: RunningProcess): Promise<void> {
  const checks = 5;
  const before = processorTime(launcher.pid);
  await sleep(checks * INTERVAL * 1000);
  const values = [(processorTime(launcher.pid) - before) / checks];
  bench.addRow({ work, figure: "CPU seconds of the launcher for each check", values });
}

function costOf({ pid }: RunningProcess): { readonly cpu: number; readonly written: number } {
  const written = Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]) / 1e6;
  return { cpu: processorTime(pid), written };
}

function numberIn(marker: string, parse: (text: string) => { readonly number: number } | undefined): number {
  try {
    return parse(readFileSync(marker, "utf8"))?.number ?? 0;
  } catch {
    return 0;
  }
}
