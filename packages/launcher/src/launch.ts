import { anySignal, deadline } from "shared/cli/deadline";
import type { Log } from "shared/cli/log";
import { describeError, ToolError } from "shared/cli/tool-error";
import type { Lease } from "shared/pod/lease-state";
import { type DoneMarker, type InitMarker, type OutputRecord, SHARE, type StartedMarker } from "shared/pod/markers";
import { waitForInit } from "./inputs.ts";
import type { LaunchContext, LaunchSteps } from "./launch-context.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { runStatus } from "./process/exit-status.ts";
import { abortOnSignal } from "./process/signals.ts";
import { commandExitCode, doneMarker, newProgress, type Progress } from "./progress.ts";
import { waitForPush } from "./push-wait.ts";
import type { SidecarTimeout } from "./sidecar-wait.ts";

/**
 * Runs one attempt of the launcher: takes the lease, waits for the inputs, runs the command, saves the outputs, and
 * writes the done marker (docs/protocol.md, "The launcher"). Returns the exit code: the command's own code if the
 * command failed. Otherwise a failure of the launcher itself is thrown, after the failure marker is written.
 *
 * The lease is taken first and released last. If neither marker could be written, the lease is not released. Only the
 * end of the lease then shows the sidecar that the attempt is over.
 */
export async function launch(plan: LaunchPlan, context: LaunchContext, steps: LaunchSteps): Promise<number> {
  const lease = await steps.takeLease();
  const progress = newProgress();
  try {
    await runAttempt(plan, progress, context, steps);
  } catch (error) {
    const failure = doneMarker(context.attempt, progress, describeError(error));
    if (await writeFailure(failure, context)) await release(lease, context);
    return failedExitCode(progress, error, context);
  } finally {
    // The flush comes after the marker, because a blocked reader of stdout must not delay the outputs.
    await steps.flush(abortOnSignal(context.signals));
  }
  try {
    if (plan.waitPush) await waitForPush(sidecarTimeout(plan, steps), context);
    return commandExitCode(progress);
  } catch (error) {
    return failedExitCode(progress, error, context);
  } finally {
    await release(lease, context);
  }
}

async function runAttempt(
  plan: LaunchPlan,
  progress: Progress,
  context: LaunchContext,
  steps: LaunchSteps,
): Promise<void> {
  await start(progress, context, steps);
  await prepareInputs(plan, context, steps);
  await runCommand(plan, progress, context, steps);
  progress.phase = "copy";
  progress.logs = await steps.finishLogs();
  const required = !plan.allowMissingOutput && commandExitCode(progress) === 0;
  progress.outputs = await saveOutputs(steps, required, context.warn);
  await context.volume.write(SHARE.done, doneMarker(context.attempt, progress, null));
}

/** Removes the markers and copies of an earlier attempt, and writes the started marker. */
async function start({ startedAt }: Progress, { volume, attempt }: LaunchContext, steps: LaunchSteps): Promise<void> {
  // The started marker is removed first. If the launcher dies here, no existing file counts as an output of this attempt.
  for (const name of [SHARE.started, SHARE.done, SHARE.doneFailed, SHARE.pushed, SHARE.pushFailed])
    await volume.remove(name);
  const outputs = await steps.prepareOutputs();
  const marker: StartedMarker = { schema: 1, attempt, startedAt, outputs };
  await volume.write(SHARE.started, marker);
}

async function prepareInputs(plan: LaunchPlan, context: LaunchContext, steps: LaunchSteps): Promise<void> {
  const { volume, signals, waitLog } = context;
  if (plan.input === undefined) {
    const marker: InitMarker = { schema: 1, by: "launcher", inputs: [] };
    await volume.write(SHARE.init, marker);
    return;
  }
  const late = deadline(plan.initTimeoutSeconds, () => `no inputs in ${plan.share}`);
  const interrupted = abortOnSignal(signals);
  await waitForInit(volume, sidecarTimeout(plan, steps), anySignal(interrupted, late), waitLog);
  await steps.placeInputs(plan.input);
  interrupted.throwIfAborted();
}

async function runCommand(
  plan: LaunchPlan,
  progress: Progress,
  { signals, warn }: LaunchContext,
  steps: LaunchSteps,
): Promise<void> {
  progress.phase = "run";
  const result = await steps.run();
  // From here on, only SIGKILL ends the launcher before it has saved the outputs.
  signals.listen(() => {});
  progress.status = runStatus(result);
  if (progress.status.reason !== null) warn(`${plan.command[0]}: ${progress.status.reason}`);
}

/**
 * Saves all outputs, and returns the saved outputs. Throws `noInput` for a missing output if it is `required`, and
 * warns otherwise. A failed command may leave outputs unwritten, because its exit code already shows the failure.
 */
async function saveOutputs(steps: LaunchSteps, required: boolean, warn: Log): Promise<OutputRecord[]> {
  const saved: OutputRecord[] = [];
  for (const { output, paths } of steps.resolveOutputs()) {
    let missing = true;
    for (const path of paths) {
      const records = await steps.save(path);
      if (records !== undefined) missing = false;
      saved.push(...(records ?? []));
    }
    if (missing) reportMissing(output, required, warn);
  }
  return saved;
}

function reportMissing(output: string, required: boolean, warn: Log): void {
  if (required) throw new ToolError("noInput", `missing output ${output}`, { why: "the command did not write it" });
  warn(`missing output ${output}`);
}

/** Returns whether the failure marker could be written. */
async function writeFailure(marker: DoneMarker, { volume, warn }: LaunchContext): Promise<boolean> {
  try {
    await volume.write(SHARE.doneFailed, marker);
    return true;
  } catch (error) {
    warn(describeError(error));
    return false;
  }
}

/** A lease that cannot be released is no failure: all markers and outputs are already written. */
function release(lease: Lease, { warn }: LaunchContext): Promise<void> {
  return lease.release().catch((error) => warn(describeError(error)));
}

function sidecarTimeout({ sidecarTimeoutSeconds }: LaunchPlan, { sidecarGone }: LaunchSteps): SidecarTimeout {
  return { seconds: sidecarTimeoutSeconds, sidecarGone };
}

/** Throws the launcher's error, unless the command failed: then returns the command's exit code, and warns about the error. */
function failedExitCode(progress: Progress, error: unknown, { warn }: LaunchContext): number {
  if (commandExitCode(progress) === 0) throw error;
  warn(describeError(error));
  return commandExitCode(progress);
}
