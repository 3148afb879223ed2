import { InterruptedError, ToolError } from "shared/cli/tool-error";
import { parseFailureMarker, parsePushedMarker, SHARE } from "shared/pod/markers";
import type { LaunchContext } from "./launch-context.ts";
import { abortOnSignal } from "./process/signals.ts";
import { type SidecarTimeout, waitForSidecar } from "./sidecar-wait.ts";

/**
 * Waits until the sidecar has pushed the outputs of this attempt. Throws `notPushed` with the reason if the push failed, if
 * the sidecar could not start, if it is gone for too long, or if a signal ends the wait.
 */
export async function waitForPush(timeout: SidecarTimeout, context: LaunchContext): Promise<void> {
  const options = {
    names: [SHARE.pushed, SHARE.pushFailed, SHARE.initFailed],
    signal: abortOnSignal(context.signals),
    log: context.waitLog,
  };
  await waitForSidecar(context.volume, () => checkPush(context), options, timeout, notPushed).catch((error) => {
    throw error instanceof InterruptedError ? notPushed(error.message) : error;
  });
}

/** Returns true after the push, and undefined before it. Throws `notPushed` if it failed. */
async function checkPush({ volume, attempt }: LaunchContext): Promise<true | undefined> {
  if ((await volume.read(SHARE.pushed, parsePushedMarker))?.attempt === attempt) return true;
  const failure = await volume.read(SHARE.pushFailed, parseFailureMarker);
  if (failure?.attempt === attempt) throw notPushed(failure.error);
  // A sidecar that failed before the push will not push the outputs.
  const initFailure = await volume.read(SHARE.initFailed, parseFailureMarker);
  if (initFailure !== undefined) throw notPushed(initFailure.error);
  return undefined;
}

function notPushed(why: string): ToolError {
  return new ToolError("notPushed", "the outputs were not pushed", { why });
}
