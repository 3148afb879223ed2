import { constants } from "node:os";
import { MAX_TIMER } from "shared/cli/deadline";
import type { ApplicationEnd, RunResult } from "./exit-status.ts";

/** The limits of a running application. */
export interface StopOptions {
  /** Seconds from SIGTERM to SIGKILL. */
  readonly graceSeconds: number;
  /** Seconds after which the application is stopped. If undefined, there is no time limit. */
  readonly timeoutSeconds: number | undefined;
}

/**
 * Stops an application with SIGTERM. If the application is still running after a grace period, kills it with SIGKILL.
 */
export class ApplicationStop {
  readonly #options: StopOptions;
  readonly #send: (signal: NodeJS.Signals) => void;
  readonly #timers = new Set<NodeJS.Timeout>();
  #cause: "terminated" | "timed out" | undefined;
  #killed = false;

  /** `send` sends a signal to the application. */
  constructor(options: StopOptions, send: (signal: NodeJS.Signals) => void) {
    this.#options = options;
    this.#send = send;
  }

  /** If the application has a time limit, starts the timer for this limit. */
  startTimeout(): void {
    if (this.#options.timeoutSeconds === undefined) return;
    this.#after(this.#options.timeoutSeconds, () => {
      this.#send("SIGTERM");
      this.startGracePeriod("timed out");
    });
  }

  /**
   * Starts the grace period. Call this after SIGTERM was sent to the application. Only the `cause` of the first call is
   * used.
   */
  startGracePeriod(cause: "terminated" | "timed out"): void {
    this.#cause ??= cause;
    this.#after(this.#options.graceSeconds, () => {
      this.#killed = true;
      this.#send("SIGKILL");
    });
  }

  /** Call this after the application has ended. Cancels all timers, and returns the result of the run. */
  finish(end: ApplicationEnd): RunResult {
    for (const timer of this.#timers) clearTimeout(timer);
    return { end, timedOut: this.#cause === "timed out", reason: this.#reason(end) };
  }

  #reason(end: ApplicationEnd): string | null {
    if (this.#cause === undefined) return null;
    const { timeoutSeconds, graceSeconds } = this.#options;
    const cause = this.#cause === "timed out" ? `timed out after ${timeoutSeconds} s` : this.#cause;
    const killed = this.#killed && end.kind === "signalled" && end.signal === constants.signals.SIGKILL;
    return killed ? `${cause}, killed after a grace period of ${graceSeconds} s` : cause;
  }

  #after(seconds: number, act: () => void): void {
    this.#timers.add(setTimeout(act, Math.min(seconds * 1000, MAX_TIMER)));
  }
}
