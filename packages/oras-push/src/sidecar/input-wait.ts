import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { type Backoff, backOff } from "../oci/http/retry.ts";

/**
 * The delays between two requests. The sidecar must poll, because a registry sends no events. The delays become longer,
 * because many pods may poll the same registry.
 */
const POLLING: Backoff = { firstDelay: 1000, longestDelay: 5000 };

/**
 * Waits until `missing` returns an empty list. `missing` returns the names of the inputs that do not exist yet. This
 * wait lets a user apply all steps of a workflow at once, because each step waits for the outputs of the previous step.
 * Throws the errors of `missing`. Calls `missing` for the last time after `seconds`. If inputs are still missing,
 * throws `timedOut` with their names.
 */
export async function waitForInputs(
  missing: () => Promise<readonly string[]>,
  seconds: number,
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  for (let attempts = 0; ; attempts++) {
    const names = await missing();
    if (names.length === 0) return;
    const left = end - performance.now();
    if (left <= 0) {
      const what = names.length === 1 ? `the input ${names[0]} is` : `the inputs ${names.join(", ")} are`;
      throw new ToolError("timedOut", `${what} not in the registry: timed out after ${seconds} s`);
    }
    if (attempts === 0) log(`waiting up to ${seconds} s for missing inputs: ${names.join(" ")}`);
    // Each delay has a random part. Therefore, pods that started at the same time do not all poll at the same time.
    const delay = Math.min(
      backOff(attempts, POLLING, () => 0.8 + 0.4 * Math.random()),
      left,
    );
    await sleep(delay, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
