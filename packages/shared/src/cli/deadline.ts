import { ToolError } from "./tool-error.ts";

/** The longest time that a timer accepts, in milliseconds: about 24 days. */
export const MAX_TIMER: number = 2 ** 31 - 1;

/**
 * Returns an `AbortSignal` that aborts with a `timedOut` failure (exit code 124) after `seconds`. Returns undefined if
 * `seconds` is undefined, or if a timer cannot wait this long (see {@link MAX_TIMER}). The message of the failure
 * starts with the text that `what` returns. This text says what the caller waited for.
 */
export function deadline(seconds: number | undefined, what: () => string): AbortSignal | undefined {
  if (seconds === undefined || seconds * 1000 > MAX_TIMER) return undefined;
  const controller = new AbortController();
  const expire = () => controller.abort(new ToolError("timedOut", `${what()}: timed out after ${seconds} s`));
  setTimeout(expire, seconds * 1000).unref();
  return controller.signal;
}

/** Combines several signals into one signal. Ignores undefined signals. */
export function anySignal(...signals: (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}
