import { type ChildProcess, spawn } from "node:child_process";
import { ApplicationStop, type StopOptions } from "./application-stop.ts";
import { childEnd } from "./child-end.ts";
import type { RunResult } from "./exit-status.ts";
import type { ForwardedSignal, SignalSource } from "./signals.ts";
import type { Tee } from "./tee.ts";

/** How to run an application. */
export interface RunOptions extends StopOptions {
  readonly signals: SignalSource;
  /**
   * Whether stdin is a terminal. If so, the application stays in the foreground group; otherwise it leads its own
   * group.
   */
  readonly terminal: boolean;
  /** The signals that the application receives directly, and that are not forwarded. */
  readonly directSignals: readonly ForwardedSignal[];
  /** Tees that replace the launcher's own streams; none by default. */
  readonly tees: { readonly stdout?: Tee; readonly stderr?: Tee };
}

/**
 * Runs a command and waits until it ends. The command receives its arguments unchanged, and inherits the launcher's
 * stdin, stdout, stderr (or tees), environment and working directory. Forwards signals to its whole process group.
 * Afterwards it kills the rest of the group: no process may write to outputs that are being saved. Never throws.
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

function start([program, ...args]: readonly [string, ...string[]], { tees, terminal }: RunOptions): ChildProcess {
  const { stdout, stderr } = tees;
  try {
    const stdio = ["inherit", stdout?.writeEnd ?? "inherit", stderr?.writeEnd ?? "inherit"] as const;
    return spawn(program, args, { stdio: [...stdio], detached: !terminal });
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
    // The signal fails with ESRCH if the group has no process left, and with EPERM if the application changed its user.
  }
}
