import { InterruptedError, ToolError } from "shared/cli/tool-error";
import { parseFailureMarker, parsePushedMarker, SHARE } from "shared/pod/markers";
import type { LaunchContext } from "./launch-context.ts";
import { abortOnSignal } from "./process/signals.ts";
import { type SidecarTimeout, waitForSidecar } from "./sidecar-wait.ts";

/** The markers that end the wait for the push, with their parsers. */
const MARKERS = {
  [SHARE.pushed]: parsePushedMarker,
  [SHARE.pushFailed]: parseFailureMarker,
  [SHARE.initFailed]: parseFailureMarker,
};

/**
 * Waits until the sidecar has pushed the outputs of this attempt. Throws `notPushed` with the reason if the push fails,
 * or if a signal ends the wait. Also throws `notPushed` if the sidecar fails before the push, or if the sidecar died
 * and no new sidecar started in time.
 */
export async function waitForPush(timeout: SidecarTimeout, context: LaunchContext): Promise<void> {
  const { volume, signals, waitLog, warn } = context;
  const result = { event: "the push", markers: MARKERS, check: () => checkPush(context), failure: notPushed };
  const options = { signal: abortOnSignal(signals), log: waitLog };
  await waitForSidecar(volume, result, options, timeout, warn).catch((error) => {
    throw error instanceof InterruptedError ? notPushed(error.message) : error;
  });
}

/** Returns true after the push, and undefined before the push. Throws `notPushed` if the push failed. */
async function checkPush({ volume, attempt }: LaunchContext): Promise<true | undefined> {
  if ((await volume.read(SHARE.pushed, parsePushedMarker))?.attempt === attempt) return true;
  const failure = await volume.read(SHARE.pushFailed, parseFailureMarker);
  if (failure?.attempt === attempt) throw notPushed(failure.error);
  // If the sidecar has written the init-failed marker, the sidecar will not push the outputs.
  const initFailure = await volume.read(SHARE.initFailed, parseFailureMarker);
  if (initFailure !== undefined) throw notPushed(initFailure.error);
  return undefined;
}

function notPushed(why: string): ToolError {
  return new ToolError("notPushed", "the outputs were not pushed", { why });
}
