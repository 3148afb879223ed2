import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { backOff, type Pauses } from "../oci/http/retry.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";

/** The pauses between two looks: a registry that many pods ask at once tells of nothing by itself. */
const PAUSES: Pauses = { firstPause: 1000, longestPause: 5000 };

/**
 * Waits until `missing` gives no input any more: steps of a workflow may be applied at once, each waiting for the one
 * before. Only what is not there is waited for; what `missing` throws is thrown. Throws `timedOut` where some are missing
 * after `seconds`, naming them. The last look is when the time is over.
 */
export async function waitForInputs(
  missing: () => Promise<readonly AnyReference[]>,
  seconds: number,
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  for (let looks = 0; ; looks++) {
    const names = (await missing()).map(formatReference);
    if (names.length === 0) return;
    const left = end - performance.now();
    if (left <= 0) {
      const what = names.length === 1 ? `the input ${names[0]} is` : `the inputs ${names.join(", ")} are`;
      throw new ToolError("timedOut", `${what} not in the registry: timed out after ${seconds} s`);
    }
    if (looks === 0) log(`not in the registry yet, waited for up to ${seconds} s: ${names.join(" ")}`);
    const pause = Math.min(backOff(looks, PAUSES), left);
    await sleep(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
