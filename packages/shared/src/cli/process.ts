import { constants } from "node:os";
import { cannotWrite } from "../fs/path-failure.ts";
import { systemCode } from "../fs/system-error.ts";
import { failureReport } from "./failure-report.ts";
import type { HeldSignals } from "./held-signals.ts";
import type { Io } from "./io.ts";
import { openFilesFailure } from "./open-files.ts";
import { environmentName } from "./option-values.ts";
import { exitCodeOf, InterruptedError, ToolError } from "./tool-error.ts";

/**
 * Runs `main` as the main function of this process, and exits with the code that `main` returns. If `main` throws, this
 * function reports the error on stderr, and exits with the error's code. If the process has nothing left to wait for,
 * but `main` has not finished, this function reports an internal error. Without this check, Node would exit with 0.
 * `tool` is the name at the start of each report. `held` contains the signals that arrived before this call.
 */
export async function runProcess(
  tool: string,
  main: (argv: string[], io: Io) => Promise<number>,
  held?: HeldSignals,
): Promise<never> {
  let stackTraces = /^(1|true|yes|on)$/i.test(process.env[environmentName("debug")] ?? "");
  const fail = (thrown: unknown): never => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    process.stderr.write(failureReport(tool, error, stackTraces));
    process.exit(exitCodeOf(error));
  };
  process.on("uncaughtException", fail);
  process.on("beforeExit", () => fail(new ToolError("software", "the process ended before its work was done")));
  const stopped = new AbortController();
  const stdout = watchStdout(stopped.signal);
  process.stderr.on("error", () => {});
  const showStackTraces = () => {
    stackTraces = true;
  };
  try {
    const exitCode = await main(process.argv.slice(2), { ...processIo(held, stopped, stdout), showStackTraces });
    const failure = await stdout.finish();
    if (exitCode === 0 && failure !== undefined) throw failure;
    process.exit(exitCode);
  } catch (error) {
    await stdout.finish();
    return fail(error);
  }
}

/** The stdout of this process. */
interface Stdout {
  /** Starts to write a text, and returns at once. */
  write(text: string): void;
  /**
   * Waits until the texts are written. Returns the error of the first failed write, or undefined if no write failed. A
   * closed pipe is not a failure. For example, `head` closes the pipe when it needs no more output.
   */
  finish(): Promise<ToolError | undefined>;
}

/**
 * Watches the writes to stdout. If the reader of a pipe is slow, a part of a text waits in memory. This part would be
 * lost if the process ended at once. Therefore, `finish` waits until all texts of `write` are written. This wait ends
 * when `stopped` aborts, because the reader may never read again. The launcher writes the output of an application
 * without `write`, so `finish` does not wait for this output.
 */
function watchStdout(stopped: AbortSignal): Stdout {
  let failure: ToolError | undefined;
  let written = Promise.resolve();
  process.stdout.on("error", (error) => {
    if (systemCode(error) !== "EPIPE") failure ??= cannotWrite("stdout", error);
  });
  return {
    write: (text) => {
      written = new Promise((done) => process.stdout.write(text, () => done()));
    },
    finish: async () => {
      const aborted = new Promise<void>((done) => stopped.addEventListener("abort", () => done()));
      if (!stopped.aborted) await Promise.race([written, aborted]);
      // Node reports the failure of a write only in the next turn of the event loop.
      if (process.stdout.bytesWritten !== 0) await new Promise((done) => setImmediate(done));
      return failure;
    },
  };
}

/**
 * Returns the {@link Io} for `main`. After `main` calls `interrupted`, the first SIGTERM, SIGINT or SIGHUP aborts
 * `stopped`.
 */
function processIo(held: HeldSignals | undefined, stopped: AbortController, stdout: Stdout): Io {
  const again = new AbortController();
  let signal: AbortSignal | undefined;
  return {
    env: process.env,
    stdout: stdout.write,
    stderr: (text) => void process.stderr.write(text),
    columns: () => (process.stderr.isTTY && process.env.TERM !== "dumb" ? process.stderr.columns : undefined),
    helpColumns: () => (process.stdout.isTTY ? process.stdout.columns : undefined),
    interrupted: () => {
      if (signal !== undefined) return signal;
      signal = abortOnSignals(["SIGTERM", "SIGINT", "SIGHUP"], held, again);
      if (signal.aborted) stopped.abort();
      signal.addEventListener("abort", () => stopped.abort());
      return signal;
    },
    interruptedAgain: again.signal,
    heldSignals: held,
    limitFailure: openFilesFailure,
  };
}

/**
 * Returns an `AbortSignal` that aborts when one of the signals in `names` arrives. A second signal aborts the
 * controller `again`.
 */
function abortOnSignals(
  names: readonly NodeJS.Signals[],
  held: HeldSignals | undefined,
  again: AbortController,
): AbortSignal {
  const controller = new AbortController();
  const abort = (name: NodeJS.Signals) => {
    const next = controller.signal.aborted ? again : controller;
    next.abort(new InterruptedError(name, constants.signals[name]));
  };
  for (const name of names) process.on(name, abort);
  for (const name of held?.release() ?? []) abort(name);
  return controller.signal;
}
