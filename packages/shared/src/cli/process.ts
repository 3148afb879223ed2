import { constants } from "node:os";
import { failureReport } from "./failure-report.ts";
import type { Io } from "./io.ts";
import { environmentName } from "./option-values.ts";
import { exitCodeOf, InterruptedError } from "./tool-error.ts";

/**
 * Runs `main` as the whole process, and exits with the code that it returns. If it throws, reports the error on stderr and
 * exits with the error's code. `tool` is the name that the report starts with.
 */
export async function runProcess(tool: string, main: (argv: string[], io: Io) => Promise<number>): Promise<never> {
  let stackTraces = /^(1|true|yes|on)$/i.test(process.env[environmentName("debug")] ?? "");
  const fail = (thrown: unknown): never => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    process.stderr.write(failureReport(tool, error, stackTraces));
    process.exit(exitCodeOf(error));
  };
  process.on("uncaughtException", fail);
  // A pipe that its reader closed, as `| head` does, is not a failure.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const showStackTraces = () => {
    stackTraces = true;
  };
  try {
    process.exit(await main(process.argv.slice(2), { ...processIo(), showStackTraces }));
  } catch (error) {
    return fail(error);
  }
}

function processIo(): Io {
  let signal: AbortSignal | undefined;
  return {
    env: process.env,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    columns: () => (process.stderr.isTTY && process.env.TERM !== "dumb" ? process.stderr.columns : undefined),
    helpColumns: () => (process.stdout.isTTY ? process.stdout.columns : undefined),
    interrupted: () => {
      signal ??= abortOnSignals(["SIGTERM", "SIGINT", "SIGHUP"]);
      return signal;
    },
  };
}

function abortOnSignals(names: NodeJS.Signals[]): AbortSignal {
  const controller = new AbortController();
  for (const name of names)
    process.on(name, () => controller.abort(new InterruptedError(name, constants.signals[name])));
  return controller.signal;
}
