import { join } from "node:path";
import type { Log } from "shared/cli/log";
import { endedFor } from "shared/pod/lease-end";
import { holdLease } from "shared/pod/lease";
import { type LeaseState } from "shared/pod/lease-state";
import { SHARE } from "shared/pod/markers";
import { placeInputs } from "./inputs.ts";
import type { LaunchSteps } from "./launch.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { outputPaths } from "./outputs/output-paths.ts";
import { announcedPaths, outputPlaces, removeOldCopies } from "./outputs/output-places.ts";
import { makeSharedFolder, saveOutput } from "./outputs/save-output.ts";
import type { RunResult } from "./process/exit-status.ts";
import { type RunOptions, runApplication } from "./process/run-application.ts";
import { LOG_NAMES, openStreams, type Streams } from "./process/streams.ts";

/** What a command is run with. */
export interface RunContext extends Pick<RunOptions, "signals" | "terminal" | "delivered"> {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly warn: Log;
}

/**
 * The steps of a launch as the command line wants them: files are read and written, and the command is run. `sidecar` asks
 * for the state of the sidecar's lease.
 */
export function launchSteps(plan: LaunchPlan, context: RunContext, sidecar: () => Promise<LeaseState>): LaunchSteps {
  const { share, outputs } = plan;
  const logNames = plan.logs ? Object.values(LOG_NAMES) : [];
  let streams: Streams | undefined;
  return {
    takeLease: async () => {
      makeSharedFolder(share);
      return holdLease(join(share, SHARE.lease), context.warn);
    },
    sidecarGone: endedFor(knownOrNone(sidecar, context.warn), plan.sidecarTimeoutSeconds),
    clearOutputs: async () => {
      const places = outputPlaces(share, outputs);
      removeOldCopies(share, places);
      return [...announcedPaths(places), ...logNames.map((name) => join(SHARE.logs, name))];
    },
    placeInputs: (folder) => placeInputs(share, folder, context.warn),
    run: async () => {
      streams = await openStreams(plan, context);
      return runApplication(plan.command, { ...plan, ...context, tees: streams.tees });
    },
    keepLogs: async () => (await streams?.finish()) ?? [],
    flush: async (signal) => streams?.flush(signal),
    outputPaths: () => outputPaths(outputs, logNames),
    save: (path) => saveOutput(share, path, context.warn),
  };
}

/** A sidecar that can't be asked whether it lives may still do all that is waited for: it counts as one without a lease. */
function knownOrNone(lease: () => Promise<LeaseState>, warn: Log): () => Promise<LeaseState> {
  let told = false;
  return () =>
    lease().catch((error: Error) => {
      if (!told) warn(`${error.message}: the sidecar's death will not be noticed`);
      told = true;
      return { kind: "none" };
    });
}

/** Runs a command of which nothing is to be saved; a copy of its stdout is the user's own and is written all the same. */
export async function runOnly(plan: LaunchPlan, context: RunContext, signal: AbortSignal): Promise<RunResult> {
  const streams = await openStreams({ ...plan, logs: false }, context);
  const result = await runApplication(plan.command, { ...plan, ...context, tees: streams.tees });
  await streams.finish();
  await streams.flush(signal);
  return result;
}
