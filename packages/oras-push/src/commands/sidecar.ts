import { join } from "node:path";
import type { Command } from "shared/cli/command";
import { isMet } from "shared/cli/condition";
import type { Io } from "shared/cli/io";
import { datedLog } from "shared/cli/log";
import { describeError, oneLine } from "shared/cli/tool-error";
import { makeSharedFolders } from "shared/fs/folders";
import { creatingFolder } from "shared/fs/path-failure";
import { watchLease } from "shared/pod/lease";
import { writeMarker } from "shared/pod/marker-file";
import { DEFAULT_SHARE, type FailureMarker, type InitMarker, SHARE } from "shared/pod/markers";
import { openVolume, type SharedVolume } from "shared/pod/shared-volume";
import { resultText, writeTerminationMessage } from "../artifact/result.ts";
import { formatReference } from "../oci/reference.ts";
import { type SidecarCommandPlan, sidecarPlan } from "../options/sidecar.ts";
import { SIDECAR_USAGE } from "../options/sidecar-usage.ts";
import { plainContext } from "./context.ts";

/** The command `oras-push sidecar`. */
export const sidecarCommand: Command<typeof SIDECAR_USAGE.options> = {
  ...SIDECAR_USAGE,
  run: (line, io) => sidecar(sidecarPlan(line, io.env), line.args, io),
  onUsageError: async (failure, { share }) => {
    const { exitCode } = failure;
    const marker: FailureMarker = { schema: 1, attempt: null, exitCode, error: describeError(failure) };
    // If the volume cannot be written, no launcher waits for this marker.
    await writeMarker(join(share || DEFAULT_SHARE, SHARE.initFailed), marker).catch(() => {});
  },
};

async function sidecar(plan: SidecarCommandPlan, args: readonly string[], io: Io): Promise<number> {
  const interrupted = io.interrupted();
  const context = plainContext(io);
  for (const text of introduction(plan, args)) context.log(text);
  // If no volume is mounted, as in a trial on one machine, either side may start first.
  creatingFolder(plan.share, () => makeSharedFolders(plan.share));
  const watcher = watchLease(join(plan.share, SHARE.lease));
  const volume = openVolume(plan.share, watcher);
  if (!isMet(plan.onlyIf, io.env)) return idle(plan, volume, interrupted);
  const [{ runSidecar }, { sidecarSteps }] = await Promise.all([
    import("../sidecar/sidecar.ts"),
    import("../sidecar/sidecar-steps.ts"),
    // This module is loaded now, so that the push starts at once when the application is done.
    import("../artifact/push-artifact.ts"),
    import("../artifact/pull-artifacts.ts"),
  ]);
  // SIGTERM does not end a native sidecar: it means that the pod is terminating, and the sidecar finishes its work.
  const never = new AbortController().signal;
  const [signal, terminating] = plan.native ? [never, interrupted] : [interrupted, never];
  const steps = sidecarSteps(plan, context, watcher.state, signal);
  const { failure } = await runSidecar(
    plan,
    { volume, signal, terminating, waitLog: datedLog("wait-fs", io.stderr), warn: context.warn },
    steps,
    ({ pushed }) => {
      if (pushed === undefined) return;
      io.stdout(resultText("Pushed", [pushed], plan.format));
      writeTerminationMessage(plan.terminationMessage, [pushed], context.warn);
    },
  );
  if (failure !== undefined) throw failure;
  return 0;
}

/**
 * The sidecar of a pod that does not meet `--only-if`. A native sidecar keeps running, because the kubelet would
 * restart it.
 */
async function idle(plan: SidecarCommandPlan, volume: SharedVolume, interrupted: AbortSignal): Promise<number> {
  if (!plan.native) return 0;
  await volume.write(SHARE.init, { schema: 1, by: "sidecar", inputs: [] } satisfies InitMarker);
  await volume
    .until(async () => undefined, { names: [], signal: interrupted })
    .catch((error) => {
      if (!interrupted.aborted) throw error;
    });
  return 0;
}

/** The first lines of the ORAS Operator's script. */
function introduction(plan: SidecarCommandPlan, args: readonly string[]): string[] {
  const sources = plan.pullFrom.map(formatReference).join(" ") || "NA";
  return [
    "Expecting: <pull-from> <push-to>",
    `Full provided set of arguments are ${oneLine(args.join(" "))}`,
    `Artifact URI to retrieve is: ${sources}`,
    `Artifact URI to push to is: ${plan.pushTo === undefined ? "NA" : formatReference(plan.pushTo)}`,
  ];
}
