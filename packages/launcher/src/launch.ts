import { anySignal, deadline } from "shared/cli/deadline";
import { describeError } from "shared/cli/tool-error";
import type { Lease } from "shared/pod/lease-state";
import { type DoneMarker, type InitMarker, SHARE, type StartedMarker } from "shared/pod/markers";
import { waitForInit } from "./inputs.ts";
import type { LaunchContext, LaunchSteps } from "./launch-context.ts";
import { saveOutputs } from "./launch-outputs.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { runStatus } from "./process/exit-status.ts";
import { abortOnSignal } from "./process/signals.ts";
import { commandExitCode, doneMarker, newProgress, type Progress } from "./progress.ts";
import { waitForPush } from "./push-wait.ts";
import type { SidecarTimeout } from "./sidecar-wait.ts";

/**
 * Runs one attempt of the launcher: takes the lease, waits for the inputs, runs the command, saves the outputs, and
 * writes the done marker (docs/protocol.md, "The launcher"). Returns the exit code of the command. If the launcher
 * itself fails, writes the failure marker, and then throws the failure. There is one exception: if the command failed
 * too, the launcher's failure only causes a warning, and this function returns the exit code of the command.
 *
 * Takes the lease first and releases it last. If the launcher can write neither a done marker nor a failure marker, it
 * keeps the lease until its process ends. When the lease ends, the sidecar detects that the attempt is over.
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
    // The flush waits for the reader of stdout. Write the marker before the flush, so that a blocked reader does not
    // delay the push of the outputs.
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
  const init = await prepareInputs(plan, context, steps);
  progress.skipped = init?.done;
  if (init !== undefined && init.done === undefined) progress.resumedFrom = await steps.restore(init);
  if (progress.skipped === undefined) await runAndSave(plan, progress, context, steps);
  else context.warn(`skipped the command: ${progress.skipped.reference} is the output of an earlier successful run`);
  await context.volume.write(SHARE.done, doneMarker(context.attempt, progress, null));
}

async function runAndSave(
  plan: LaunchPlan,
  progress: Progress,
  context: LaunchContext,
  steps: LaunchSteps,
): Promise<void> {
  await runCommand(plan, progress, context, steps);
  progress.phase = "copy";
  progress.logs = await steps.finishLogs();
  const required = !plan.allowMissingOutput && commandExitCode(progress) === 0;
  await saveOutputs(steps, required, progress, context.warn);
}

/** Removes the markers and the copies that an earlier attempt left. Then writes the started marker. */
async function start({ startedAt }: Progress, { volume, attempt }: LaunchContext, steps: LaunchSteps): Promise<void> {
  // Removes the started marker first. If the launcher dies before it writes the new started marker, the sidecar finds
  // no started marker, and pushes no old file as an output of this attempt.
  for (const name of [SHARE.started, SHARE.done, SHARE.doneFailed, SHARE.pushed, SHARE.pushFailed])
    await volume.remove(name);
  const outputs = await steps.prepareOutputs();
  const marker: StartedMarker = { schema: 1, attempt, startedAt, outputs };
  await volume.write(SHARE.started, marker);
}

/** Places the inputs. Returns the sidecar's init marker, or undefined if the launcher does not wait for a sidecar. */
async function prepareInputs(
  plan: LaunchPlan,
  context: LaunchContext,
  steps: LaunchSteps,
): Promise<InitMarker | undefined> {
  const { volume, signals, waitLog, warn } = context;
  if (plan.input === undefined && !plan.skipDone && plan.checkpoints.length === 0) {
    const marker: InitMarker = { schema: 1, by: "launcher", inputs: [] };
    await volume.write(SHARE.init, marker);
    return undefined;
  }
  const late = deadline(plan.initTimeoutSeconds, () => `no inputs in ${plan.share}`);
  const interrupted = abortOnSignal(signals);
  const signal = anySignal(interrupted, late);
  const init = await waitForInit(volume, sidecarTimeout(plan, steps), signal, waitLog, warn);
  if (plan.input !== undefined && init.done === undefined) await steps.placeInputs(plan.input);
  interrupted.throwIfAborted();
  return init;
}

async function runCommand(
  plan: LaunchPlan,
  progress: Progress,
  { signals, warn }: LaunchContext,
  steps: LaunchSteps,
): Promise<void> {
  progress.phase = "run";
  const result = await steps.run();
  // From here on, the launcher ignores signals until the outputs are saved. Only SIGKILL still ends the launcher.
  signals.listen(() => {});
  progress.status = runStatus(result);
  if (progress.status.reason !== null) warn(`${plan.command[0]}: ${progress.status.reason}`);
}

/**
 * Writes the failure marker. If the write fails, for example on a full disk, writes a shorter marker. The shorter
 * marker does not list outputs or lost paths. Returns true if one of the two writes succeeded.
 */
async function writeFailure(marker: DoneMarker, { volume, warn }: LaunchContext): Promise<boolean> {
  const { missing, missingCount, ...withoutMissing } = marker;
  const markers =
    missing === undefined && !marker.outputs?.length ? [marker] : [marker, { ...withoutMissing, outputs: null }];
  for (const content of markers) {
    try {
      await volume.write(SHARE.doneFailed, content);
      return true;
    } catch (error) {
      warn(describeError(error));
    }
  }
  return false;
}

/** Releases the lease. If the release fails, only warns, because all markers and outputs are already written. */
function release(lease: Lease, { warn }: LaunchContext): Promise<void> {
  return lease.release().catch((error) => warn(describeError(error)));
}

function sidecarTimeout(
  { sidecarTimeoutSeconds }: LaunchPlan,
  { sidecarGone, sidecarLease }: LaunchSteps,
): SidecarTimeout {
  return { seconds: sidecarTimeoutSeconds, sidecarGone, lease: sidecarLease };
}

/**
 * If the command failed, warns about the launcher's error and returns the command's exit code. Otherwise throws the
 * error.
 */
function failedExitCode(progress: Progress, error: unknown, { warn }: LaunchContext): number {
  if (commandExitCode(progress) === 0) throw error;
  warn(describeError(error));
  return commandExitCode(progress);
}
