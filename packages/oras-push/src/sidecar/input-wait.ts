import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { type Backoff, backOff } from "../oci/http/retry.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";

/** The delays between two requests. A registry sends no events, and many pods may poll it. */
const POLLING: Backoff = { firstDelay: 1000, longestDelay: 5000 };

/**
 * Waits until `missing` returns no inputs. All steps of a workflow may be applied at once; each waits for the step
 * before it. Throws the errors of `missing`. Throws `timedOut` with the names of the inputs that are still missing
 * after `seconds`. Checks a last time when the time is over.
 */
export async function waitForInputs(
  missing: () => Promise<readonly AnyReference[]>,
  seconds: number,
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  for (let attempts = 0; ; attempts++) {
    const names = (await missing()).map(formatReference);
    if (names.length === 0) return;
    const left = end - performance.now();
    if (left <= 0) {
      const what = names.length === 1 ? `the input ${names[0]} is` : `the inputs ${names.join(", ")} are`;
      throw new ToolError("timedOut", `${what} not in the registry: timed out after ${seconds} s`);
    }
    if (attempts === 0) log(`waiting up to ${seconds} s for missing inputs: ${names.join(" ")}`);
    const delay = Math.min(backOff(attempts, POLLING), left);
    await sleep(delay, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
