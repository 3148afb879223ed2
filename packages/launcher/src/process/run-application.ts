import { type ChildProcess, spawn } from "node:child_process";
import { ApplicationStop, type StopOptions } from "./application-stop.ts";
import { childEnd } from "./children.ts";
import type { RunResult } from "./exit-status.ts";
import { checkProgram } from "./program.ts";
import type { ForwardedSignal, SignalSource } from "./signals.ts";
import type { Tee } from "./tee.ts";

/** How to run an application. */
export interface RunOptions extends StopOptions {
  readonly signals: SignalSource;
  /**
   * Whether stdin is a terminal. If stdin is a terminal, the application stays in the foreground process group.
   * Otherwise the application gets its own process group.
   */
  readonly terminal: boolean;
  /**
   * The signals that the application receives directly from the terminal. The launcher does not forward these signals.
   */
  readonly directSignals: readonly ForwardedSignal[];
  /** The environment of the application. */
  readonly env: NodeJS.ProcessEnv;
  /**
   * Tees for the streams of the application. If a stream has no tee, the application inherits this stream from the
   * launcher.
   */
  readonly tees: { readonly stdout?: Tee; readonly stderr?: Tee };
}

/**
 * Runs a command and waits until the command ends. The command receives its arguments unchanged. The command inherits
 * the launcher's working directory and stdin. If stdout or stderr has no tee, the command inherits this stream too.
 *
 * If stdin is not a terminal, the command has its own process group, and signals are forwarded to the whole group. When
 * the command has ended, this function kills the rest of the group. A process of the group could change a file while
 * the launcher saves this file. This function never throws.
 */
export async function runApplication(command: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> {
  const { terminal, signals, directSignals } = options;
  let child: ChildProcess;
  try {
    child = start(command, options);
  } catch (error) {
    return { end: { kind: "not started", error }, timedOut: false, reason: null };
  }
  const send = (signal: NodeJS.Signals) => signalGroup(child, signal, terminal);
  const stop = new ApplicationStop(options, send);
  signals.listen((signal) => {
    if (!directSignals.includes(signal)) send(signal);
    if (signal === "SIGTERM") stop.startGracePeriod("terminated");
  });
  stop.startTimeout();
  const result = stop.finish(await childEnd(child));
  if (!terminal) send("SIGKILL");
  return result;
}

function start([program, ...args]: readonly [string, ...string[]], { tees, terminal, env }: RunOptions): ChildProcess {
  const { stdout, stderr } = tees;
  try {
    const stdio = ["inherit", stdout?.writeEnd ?? "inherit", stderr?.writeEnd ?? "inherit"] as const;
    checkProgram(program, env);
    return spawn(program, args, { stdio: [...stdio], detached: !terminal, env });
  } finally {
    stdout?.closeWriteEnd();
    stderr?.closeWriteEnd();
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals, terminal: boolean): void {
  if (child.pid === undefined) return;
  try {
    process.kill(terminal ? child.pid : -child.pid, signal);
  } catch {
    // Ignores the error. `kill` fails with ESRCH if the group has no process left, and with EPERM if the application
    // now runs as a different user than the launcher.
  }
}
