import { constants } from "node:os";
import type { HeldSignals } from "shared/cli/held-signals";
import { InterruptedError } from "shared/cli/tool-error";
import { unblockSignal } from "./libc.ts";

/**
 * The signals that the launcher forwards to the application. These are all signals that Node can catch, with three
 * exceptions: faults of the launcher itself (SIGSEGV, SIGPIPE and similar), the end of a child (SIGCHLD), and Node's
 * own signal SIGPROF.
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
 * The signals that the launcher must not forward, because the application receives them directly. If stdin is a
 * terminal, these are the signals that the terminal sends. Otherwise the list is empty.
 */
export function directSignals(terminal: boolean): readonly ForwardedSignal[] {
  return terminal ? TERMINAL_SIGNALS : [];
}

/**
 * The signals that stop and continue the jobs of a terminal. If stdin is a terminal, these signals keep their default
 * effect on the launcher.
 */
const JOB_CONTROL: readonly ForwardedSignal[] = ["SIGTSTP", "SIGCONT", "SIGTTIN", "SIGTTOU"];

/** A source of the signals that are sent to the launcher. Only the listener that was set last is called. */
export interface SignalSource {
  /** Calls `listener` for each signal from now on. Replaces the previous listener. */
  listen(listener: (signal: ForwardedSignal) => void): void;
}

/**
 * Catches the signals that are sent to this process, so that no signal ends the process before the outputs are saved.
 * The first listener also receives the signals in `held`, and all other signals that arrived before the listener was
 * set.
 */
export function catchSignals(terminal: boolean, held?: HeldSignals): SignalSource {
  const early: ForwardedSignal[] = [];
  let current: (signal: ForwardedSignal) => void = (signal) => early.push(signal);
  for (const signal of FORWARDED_SIGNALS)
    if (!terminal || !JOB_CONTROL.includes(signal)) process.on(signal, () => current(signal));
  unblockSignal("SIGUSR1");
  early.unshift(...((held?.release() ?? []) as ForwardedSignal[]));
  return {
    listen: (listener) => {
      current = listener;
      for (const signal of early.splice(0)) listener(signal);
    },
  };
}

/**
 * Returns an `AbortSignal` that aborts at the next SIGTERM, SIGINT, SIGHUP or SIGQUIT. Replaces the previous listener.
 */
export function abortOnSignal(signals: SignalSource): AbortSignal {
  const controller = new AbortController();
  signals.listen((signal) => {
    if (signal === "SIGTERM" || signal === "SIGINT" || signal === "SIGHUP" || signal === "SIGQUIT")
      controller.abort(new InterruptedError(signal, constants.signals[signal]));
  });
  return controller.signal;
}
