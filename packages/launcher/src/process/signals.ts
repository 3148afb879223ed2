import { unblockSignal } from "./libc.ts";

/**
 * The signals that are passed on to the application: all that a process may catch, but for those that report a fault of
 * the launcher itself (SIGSEGV and its like), that tell of its own children (SIGCHLD), or that Node keeps (SIGPROF).
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
 * The signals that the application gets without the launcher's doing: with a terminal those that it sends, and all of
 * them where an init sends them to the group that both are in.
 */
export function deliveredSignals(terminal: boolean, underInit: boolean): readonly ForwardedSignal[] {
  if (!terminal) return [];
  return underInit ? FORWARDED_SIGNALS : TERMINAL_SIGNALS;
}

/** The signals that stop and continue a terminal's jobs; there they keep their usual effect on the launcher too. */
const JOB_CONTROL: readonly ForwardedSignal[] = ["SIGTSTP", "SIGCONT", "SIGTTIN", "SIGTTOU"];

/** Hears the signals sent to the launcher; whoever listens last decides what they mean. */
export interface SignalSource {
  /** Calls `listener` for each signal from now on, in the place of the listener before. */
  listen(listener: (signal: ForwardedSignal) => void): void;
}

/**
 * Catches the signals sent to this process, so that none of them ends it before the outputs are saved. One that comes
 * before anyone listens is kept for the first listener.
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
