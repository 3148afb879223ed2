import { watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SHARE } from "shared/pod/markers";
import { type RunningProcess, startTool } from "../../../support/tools.ts";
import type { Bench } from "../bench.ts";

/** The time after an event until the sidecar is idle again, in milliseconds. */
const SETTLE = 1500;

/**
 * A sidecar that waits for an application, and the launcher of this application. The application ends soon after its
 * start.
 */
export interface EndedStep {
  readonly sidecar: RunningProcess;
  readonly launcher: RunningProcess;
  /** The time when the launcher wrote the done marker, in milliseconds of `performance.now()`. */
  readonly marked: Promise<number>;
}

/**
 * Starts a sidecar, and waits until it is idle. Then starts a launcher with an application that writes one small file.
 * The sidecar pushes this file to `reference`.
 */
export async function endStep(bench: Bench, reference: string): Promise<EndedStep> {
  const share = bench.emptyFolder("reaction");
  const output = join(share, "output");
  const sidecar = startTool("oras-push", ["sidecar", "--share", share, "NA", reference]);
  const waiting = new Promise<void>((resolve) => {
    sidecar.child.stderr?.on("data", (text: string) => text.includes(SHARE.done) && resolve());
  });
  await waiting;
  await sleep(SETTLE);
  const marked = new Promise<number>((resolve) => {
    const watcher = watch(share, (_, name) => {
      if (name !== SHARE.done) return;
      resolve(performance.now());
      watcher.close();
    });
  });
  // The application ends only after the sidecar has handled the start of the launcher. Each round writes a different
  // text. Otherwise, the registry would already have the layer.
  const script = `sleep ${SETTLE / 1000} && mkdir ${output} && echo "done $$" > ${output}/log`;
  const launcher = startTool("launcher", ["--share", share, "--output", output, "--", "sh", "-c", script], {
    env: { PATH: process.env.PATH },
  });
  return { sidecar, launcher, marked };
}
