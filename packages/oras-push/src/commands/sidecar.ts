import { join } from "node:path";
import type { Command } from "shared/cli/command";
import { isMet } from "shared/cli/condition";
import type { Io } from "shared/cli/io";
import { datedLog } from "shared/cli/log";
import { describeError, oneLine } from "shared/cli/tool-error";
import { makeSharedFolders } from "shared/fs/folders";
import { creatingFolder } from "shared/fs/path-failure";
import { isHeld, watchLease } from "shared/pod/lease";
import { writeMarker } from "shared/pod/marker-file";
import { DEFAULT_SHARE, type FailureMarker, type InitMarker, SHARE } from "shared/pod/markers";
import { warnIfNotMounted } from "shared/pod/mounted-share";
import { openVolume, type SharedVolume } from "shared/pod/shared-volume";
import { resultText, writeTerminationMessage } from "../artifact/result.ts";
import { formatReference } from "../oci/reference.ts";
import { formatInput } from "../oci/tag-pattern.ts";
import { type SidecarCommandPlan, sidecarPlan } from "../options/sidecar.ts";
import { SIDECAR_USAGE } from "../options/sidecar-usage.ts";
import { plainContext } from "./context.ts";

/** The command `oras-push sidecar`. */
export const sidecarCommand: Command<typeof SIDECAR_USAGE.options> = {
  ...SIDECAR_USAGE,
  run: (line, io) => sidecar(sidecarPlan(line, io.env), line.args, io),
  onRefusal: async (failure, { share }) => {
    const folder = share || DEFAULT_SHARE;
    // A second sidecar must not write the marker `initFailed`. The launcher would read this marker, and stop waiting
    // for the first sidecar.
    if (await isHeld(join(folder, SHARE.sidecarLease)).catch(() => false)) return;
    const { exitCode } = failure;
    const marker: FailureMarker = { schema: 1, attempt: null, exitCode, error: describeError(failure) };
    // Ignores a failed write, because the caller throws `failure` after this function.
    await writeMarker(join(folder, SHARE.initFailed), marker).catch(() => {});
  },
};

async function sidecar(plan: SidecarCommandPlan, args: readonly string[], io: Io): Promise<number> {
  const interrupted = io.interrupted();
  const context = plainContext(io);
  for (const text of introduction(plan, args)) context.log(text);
  warnIfNotMounted(plan.share, context.warn);
  // Outside Kubernetes, no volume is mounted, and the shared folder can be missing. The launcher creates a missing
  // folder too, but the sidecar can start before the launcher.
  creatingFolder(plan.share, () => makeSharedFolders(plan.share));
  const watcher = watchLease(join(plan.share, SHARE.lease));
  const volume = openVolume(plan.share, watcher);
  if (!isMet(plan.onlyIf, io.env)) return idle(plan, volume, interrupted);
  const [{ runSidecar }, { sidecarSteps }] = await Promise.all([
    import("../sidecar/sidecar.ts"),
    import("../sidecar/sidecar-steps.ts"),
    // Loads the modules of the push now. Otherwise, the sidecar would load these modules only after the end of the
    // application, and this would delay the push.
    import("../artifact/push-artifact.ts"),
  ]);
  // The first SIGTERM means that the pod is terminating, so the sidecar finishes its work. A native sidecar ignores a
  // second SIGTERM. Any other sidecar ends at once after a second SIGTERM.
  const never = new AbortController().signal;
  const signal = plan.native ? never : (io.interruptedAgain ?? never);
  const steps = sidecarSteps(plan, context, watcher.state, volume, signal);
  const { failure } = await runSidecar(
    plan,
    { volume, signal, terminating: interrupted, waitLog: datedLog("wait-fs", io.stderr), warn: context.warn },
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
 * This function runs instead of the sidecar if the condition of `--only-if` is not met. The kubelet restarts a native
 * sidecar after an exit. Therefore, if the sidecar is native, the function keeps running until a signal interrupts it.
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

/** Returns the first log lines. The script of the ORAS Operator prints the same lines. */
function introduction(plan: SidecarCommandPlan, args: readonly string[]): string[] {
  const sources = plan.pullFrom.map(formatInput).join(" ") || "NA";
  return [
    "Expecting: <pull-from> <push-to>",
    `Full provided set of arguments are ${oneLine(args.join(" "))}`,
    `Artifact URI to retrieve is: ${sources}`,
    `Artifact URI to push to is: ${plan.pushTo === undefined ? "NA" : formatReference(plan.pushTo)}`,
  ];
}
