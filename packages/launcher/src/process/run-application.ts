import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { childEnd } from "./child-end.ts";
import type { RunResult } from "./exit-status.ts";
import type { ForwardedSignal, SignalSource } from "./signals.ts";
import type { Tee } from "./tee.ts";

/** How an application is run. */
export interface RunOptions {
  readonly signals: SignalSource;
  /** Seconds from SIGTERM to SIGKILL. */
  readonly graceSeconds: number;
  /** Seconds after which the application is ended; unlimited by default. */
  readonly timeoutSeconds: number | undefined;
  /** Whether the application reads a terminal. Then it stays in the terminal's foreground group, else it leads its own. */
  readonly terminal: boolean;
  /** The signals that the application gets without the launcher's doing. */
  readonly delivered: readonly ForwardedSignal[];
  /** Tees in the place of the launcher's own streams; none by default. */
  readonly tees: { readonly stdout?: Tee; readonly stderr?: Tee };
}

/**
 * Runs a command with its arguments untouched and the launcher's stdin, stdout, stderr (or tees), environment and working
 * directory, passes signals on to its whole process group, and waits for it to end. What it left running in its group is
 * then killed: nothing may write to outputs that are being saved. Never throws.
 */
export async function runApplication(command: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> {
  const [program, ...args] = command;
  const { stdout, stderr } = options.tees;
  let child: ChildProcess;
  try {
    const stdio = ["inherit", stdout?.writeEnd ?? "inherit", stderr?.writeEnd ?? "inherit"] as const;
    child = spawn(program, args, { stdio: [...stdio], detached: !options.terminal });
  } catch (error) {
    return { end: { kind: "not started", error }, timedOut: false, reason: null };
  } finally {
    for (const tee of [stdout, stderr]) tee?.handOver();
  }
  const timers = new Set<NodeJS.Timeout>();
  const after = (seconds: number, act: () => void) =>
    timers.add(setTimeout(act, Math.min(seconds * 1000, 2 ** 31 - 1)));
  const send = (signal: NodeJS.Signals) => signalGroup(child, signal, options.terminal);
  let ending: "terminated" | "timed out" | undefined;
  let killed = false;
  const endSoon = (why: "terminated" | "timed out") => {
    ending ??= why;
    after(options.graceSeconds, () => {
      killed = true;
      send("SIGKILL");
    });
  };
  options.signals.listen((signal) => {
    if (!options.delivered.includes(signal)) send(signal);
    if (signal === "SIGTERM") endSoon("terminated");
  });
  if (options.timeoutSeconds !== undefined)
    after(options.timeoutSeconds, () => {
      send("SIGTERM");
      endSoon("timed out");
    });
  const end = await childEnd(child);
  for (const timer of timers) clearTimeout(timer);
  if (!options.terminal) signalGroup(child, "SIGKILL", false);
  const killedLate = killed && end.kind === "signalled" && end.signal === constants.signals.SIGKILL;
  return { end, timedOut: ending === "timed out", reason: reasonOfEnd(ending, killedLate, options) };
}

function reasonOfEnd(
  ending: "terminated" | "timed out" | undefined,
  killed: boolean,
  { timeoutSeconds, graceSeconds }: RunOptions,
): string | null {
  if (ending === undefined) return null;
  const why = ending === "timed out" ? `timed out after ${timeoutSeconds} s` : ending;
  return killed ? `${why}, killed after a grace period of ${graceSeconds} s` : why;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals, terminal: boolean): void {
  if (child.pid === undefined) return;
  try {
    process.kill(terminal ? child.pid : -child.pid, signal);
  } catch {
    // ESRCH: nobody is left; EPERM: the application became another user.
  }
}
