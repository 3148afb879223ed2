import { constants } from "node:os";
import { InterruptedError } from "shared/cli/tool-error";
import { unblockSignal } from "./libc.ts";

/**
 * The signals that the launcher forwards to the application: all that a process can catch, with three exceptions. These are
 * faults of the launcher itself (SIGSEGV and similar), the end of a child (SIGCHLD), and Node's own signal (SIGPROF).
 */
export const FORWARDED_SIGNALS = [
  "SIGTERM",
  "SIGINT",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
  "SIGALRM",
  "SIGVTALRM",
  "SIGCONT",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGURG",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGIO",
  "SIGPWR",
] as const satisfies readonly NodeJS.Signals[];

/** One of {@link FORWARDED_SIGNALS}. */
export type ForwardedSignal = (typeof FORWARDED_SIGNALS)[number];

/** The signals that a terminal sends to its whole foreground group. */
const TERMINAL_SIGNALS: readonly ForwardedSignal[] = ["SIGINT", "SIGQUIT", "SIGTSTP", "SIGWINCH", "SIGCONT"];

/**
 * The signals that the application receives directly, so that the launcher must not forward them. With a terminal, these are
 * the signals that the terminal sends. If tini sends signals to the common group of both, these are all signals.
 */
export function directSignals(terminal: boolean, underTini: boolean): readonly ForwardedSignal[] {
  if (!terminal) return [];
  return underTini ? FORWARDED_SIGNALS : TERMINAL_SIGNALS;
}

/** The signals that stop and continue the jobs of a terminal. With a terminal, they keep their effect on the launcher. */
const JOB_CONTROL: readonly ForwardedSignal[] = ["SIGTSTP", "SIGCONT", "SIGTTIN", "SIGTTOU"];

/** Receives the signals sent to the launcher. Only the last listener is called. */
export interface SignalSource {
  /** Calls `listener` for each signal from now on. Replaces the previous listener. */
  listen(listener: (signal: ForwardedSignal) => void): void;
}

/**
 * Catches the signals sent to this process, so that none of them ends it before the outputs are saved. A signal that
 * arrives before the first listener is kept for that listener.
 */
export function catchSignals(terminal: boolean): SignalSource {
  const early: ForwardedSignal[] = [];
  let current: (signal: ForwardedSignal) => void = (signal) => early.push(signal);
  for (const signal of FORWARDED_SIGNALS)
    if (!terminal || !JOB_CONTROL.includes(signal)) process.on(signal, () => current(signal));
  unblockSignal("SIGUSR1");
  return {
    listen: (listener) => {
      current = listener;
      for (const signal of early.splice(0)) listener(signal);
    },
  };
}

/** Returns a signal that aborts at the next SIGTERM, SIGINT, SIGHUP or SIGQUIT. Replaces the previous listener. */
export function abortOnSignal(signals: SignalSource): AbortSignal {
  const controller = new AbortController();
  signals.listen((signal) => {
    if (signal === "SIGTERM" || signal === "SIGINT" || signal === "SIGHUP" || signal === "SIGQUIT")
      controller.abort(new InterruptedError(signal, constants.signals[signal]));
  });
  return controller.signal;
}
