import { join } from "node:path";
import type { Log } from "shared/cli/log";
import { makeSharedFolders } from "shared/fs/folders";
import { creatingFolder } from "shared/fs/path-failure";
import { parseCheckpointMarker } from "shared/pod/checkpoint-markers";
import { holdLease, requireFree } from "shared/pod/lease";
import { endedFor } from "shared/pod/lease-end";
import type { ReadLease } from "shared/pod/lease-state";
import { SHARE } from "shared/pod/markers";
import { Checkpointer } from "./checkpoints/checkpointer.ts";
import { chooseCheckpoint, restoreCheckpoint } from "./checkpoints/restore.ts";
import { resumedVariables } from "./checkpoints/resumed-variables.ts";
import { placeInputs } from "./inputs.ts";
import type { LaunchContext, LaunchSteps } from "./launch-context.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { futureOutputPaths, locateOutputs, removeOldCopies } from "./outputs/output-locations.ts";
import { resolveOutputs } from "./outputs/output-paths.ts";
import { saveOutput, saveTogether } from "./outputs/save-output.ts";
import type { RunResult } from "./process/exit-status.ts";
import { type RunOptions, runApplication } from "./process/run-application.ts";
import type { SignalSource } from "./process/signals.ts";
import { LOG_NAMES, openStreams, type Streams } from "./process/streams.ts";

/** The context in which the command runs. */
export interface RunContext extends Pick<RunOptions, "signals" | "terminal" | "directSignals" | "env"> {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly warn: Log;
}

/**
 * Implements the steps of a launch with real files and processes. `readSidecarLease` reads the state of the sidecar's
 * lease.
 */
export function launchSteps(
  plan: LaunchPlan,
  context: RunContext & Pick<LaunchContext, "attempt" | "volume">,
  readSidecarLease: ReadLease,
): LaunchSteps {
  const { share, outputs } = plan;
  const { warn } = context;
  const logNames = plan.logs ? Object.values(LOG_NAMES) : [];
  const sidecarLease = ignoringFailures(readSidecarLease, warn);
  let streams: Streams | undefined;
  let newest = 0;
  let resumedFrom: number | undefined;
  return {
    takeLease: async () => {
      creatingFolder(share, () => makeSharedFolders(share));
      await requireFree(join(share, SHARE.lease), "launcher");
      return holdLease(join(share, SHARE.lease), warn);
    },
    sidecarLease,
    sidecarGone: endedFor(sidecarLease, plan.sidecarTimeoutSeconds),
    prepareOutputs: async () => {
      const locations = locateOutputs(
        share,
        outputs.map(({ path }) => path),
      );
      removeOldCopies(share, locations);
      return [...futureOutputPaths(locations), ...logNames.map((name) => join(SHARE.logs, name))];
    },
    placeInputs: (folder) => placeInputs(share, folder, warn),
    restore: async (init) => {
      const local = await context.volume.read(SHARE.checkpoint, parseCheckpointMarker);
      newest = Math.max(local?.number ?? 0, init.lastCheckpoint ?? 0);
      const chosen = chooseCheckpoint(init, local);
      resumedFrom = chosen && restoreCheckpoint(chosen, plan, init.resume, warn);
      return resumedFrom;
    },
    run: async () => {
      streams = await openStreams(plan, context);
      const checkpointer = new Checkpointer(plan, context, newest);
      const signals = hurryAtSigterm(context.signals, checkpointer);
      const env = { ...context.env, ...resumedVariables(resumedFrom) };
      checkpointer.start();
      const result = await runApplication(plan.command, { ...plan, ...context, signals, env, tees: streams.tees });
      await checkpointer.finish(result);
      return result;
    },
    finishLogs: async () => (await streams?.finish()) ?? [],
    flush: async (signal) => streams?.flush(signal),
    resolveOutputs: ({ failed }) => resolveOutputs(outputs, logNames, failed),
    save: (path, failures) => saveOutput(path, { share, warn, failures }),
    saveTogether: (folder, paths, failures) => saveTogether(folder, paths, { share, warn, failures }),
  };
}

/** Returns a source of signals. If SIGTERM arrives, this source requests a checkpoint, because the pod may end soon. */
function hurryAtSigterm(signals: SignalSource, checkpointer: Checkpointer): SignalSource {
  return {
    listen: (listener) =>
      signals.listen((signal) => {
        if (signal === "SIGTERM") checkpointer.hurry();
        listener(signal);
      }),
  };
}

/**
 * Returns a function that reads the state of the lease, and never throws. If the state cannot be read, the sidecar may
 * still be alive. In this case, the function returns the state `none`, because this state does not count as a dead
 * sidecar. Only the first failure causes a warning.
 */
function ignoringFailures(lease: ReadLease, warn: Log): ReadLease {
  let warned = false;
  return () =>
    lease().catch((error: Error) => {
      if (!warned) warn(`${error.message}: the launcher will not notice if the sidecar dies`);
      warned = true;
      return { kind: "none" };
    });
}

/**
 * Runs the command, but saves no outputs and no logs for the sidecar. If the user set `--output-pipe`, this function
 * still writes the copy of stdout.
 */
export async function runOnly(plan: LaunchPlan, context: RunContext, signal: AbortSignal): Promise<RunResult> {
  const streams = await openStreams({ ...plan, logs: false }, context);
  const result = await runApplication(plan.command, { ...plan, ...context, tees: streams.tees });
  await streams.finish();
  await streams.flush(signal);
  return result;
}
