import { statSync } from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { type Log, silent } from "../cli/log.ts";
import { reasonOf, ToolError } from "../cli/tool-error.ts";
import { collectWhenSettled } from "./idle.ts";

/** How often a missing path is looked for where the kernel reports no change, in seconds. */
export const DEFAULT_POLL_SECONDS = 5;

/** The longest time a timer can be set for, in milliseconds: about 24 days. */
const MAX_TIMER = 2 ** 31 - 1;

/** How a wait is done. */
export interface WaitOptions {
  /** The paths whose appearance, change or removal is reason to look again; they and their folders need not exist. */
  readonly paths: readonly string[];
  /** Another source of changes: is given what to call at each, gives how to stop that. */
  readonly changes?: ((report: () => void) => () => void) | undefined;
  /** Seconds between two looks when nothing is reported; {@link DEFAULT_POLL_SECONDS} by default. */
  readonly pollSeconds?: number | undefined;
  /** Ends the wait: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Told what is waited for, and once if watching is not possible and only polling is left. */
  readonly log?: Log | undefined;
}

/**
 * Waits until `look` gives a value, and gives that.
 *
 * The watch is armed before the look that would make it wait, so a change in between is never missed, and polling goes
 * on beside it: network volumes report nothing, and watches may be used up. Looks never overlap.
 */
export async function waitUntil<T>(look: () => Promise<T | undefined>, options: WaitOptions): Promise<T> {
  options.signal?.throwIfAborted();
  const first = await look();
  if (first !== undefined) return first;
  const changes = changeCounter();
  const poll = setInterval(changes.report, Math.min((options.pollSeconds ?? DEFAULT_POLL_SECONDS) * 1000, MAX_TIMER));
  const onAbort = () => changes.report();
  options.signal?.addEventListener("abort", onAbort);
  const stopChanges = options.changes?.(changes.report);
  const close = await watchPaths(options.paths, changes.report, options.log ?? silent);
  const stayAlert = collectWhenSettled();
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      const seen = changes.count();
      const found = await look();
      if (found !== undefined) return found;
      await changes.after(seen);
    }
  } finally {
    clearInterval(poll);
    stayAlert();
    options.signal?.removeEventListener("abort", onAbort);
    stopChanges?.();
    await close();
  }
}

/** What paths are looked for. */
export interface PathLook {
  readonly paths: readonly string[];
  /** One of them is enough; all have to be there by default. */
  readonly any?: boolean | undefined;
  /** Told of each path when it is found missing or can't be looked for, and again when it is found. */
  readonly log?: Log | undefined;
}

/** A look for {@link waitUntil} that gives the paths which exist, once enough of them do. */
export function pathLook({ paths, any, log = silent }: PathLook): () => Promise<readonly string[] | undefined> {
  const wanted = [...new Set(paths)];
  const enough = any === true ? 1 : wanted.length;
  const told = new Map<string, string>();
  const tell = (path: string, line: string) => {
    if (told.get(path) !== line) log(line);
    told.set(path, line);
  };
  return async () => {
    const found = wanted.filter((path) => {
      const missing = whyMissing(path);
      tell(path, missing ?? `Found existing path ${path}`);
      return missing === undefined;
    });
    return found.length >= enough ? found : undefined;
  };
}

/** Says why a path is not found; undefined where it is there. Where that can't be known, it may be one day. */
export function whyMissing(path: string): string | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined ? `Path ${path} does not exist yet` : undefined;
  } catch (error) {
    return `Path ${path} cannot be looked for yet: ${reasonOf(error)}`;
  }
}

/**
 * A signal that aborts with a time-out failure (exit code 124) after `seconds`; none at all for undefined. `what` says then
 * what has not come about.
 */
export function deadline(seconds: number | undefined, what: () => string): AbortSignal | undefined {
  if (seconds === undefined || seconds * 1000 > MAX_TIMER) return undefined;
  const controller = new AbortController();
  const expire = () => controller.abort(new ToolError("timedOut", `${what()}: timed out after ${seconds} s`));
  setTimeout(expire, seconds * 1000).unref();
  return controller.signal;
}

/** One signal of several, some of which may not be there. */
export function anySignal(...signals: (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}

/** Counts changes, and lets one wait until there is a new one. */
function changeCounter() {
  let count = 0;
  let wake = () => {};
  return {
    count: () => count,
    report: () => {
      count++;
      wake();
    },
    after: async (seen: number) => {
      if (count !== seen) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    },
  };
}

async function watchPaths(paths: readonly string[], report: () => void, log: Log): Promise<() => Promise<void>> {
  const targets = paths.map((path) => resolve(path));
  // chokidar watches the nearest folder that exists. Nothing but the way down to the targets concerns us: a folder of
  // thousands of files costs no more than one with the marker alone.
  const ignored = (path: string) =>
    !targets.some((target) => target === path || target.startsWith(withSeparator(path)));
  const { watch } = await import("chokidar");
  const watcher = watch([...new Set(targets.map(dirname))], {
    ignored,
    ignoreInitial: true,
    ignorePermissionErrors: true,
  });
  let failed = false;
  watcher.on("error", (error) => {
    if (!failed) log(`watching is not possible, polling instead: ${(error as Error).message}`);
    failed = true;
  });
  watcher.on("raw", report).on("all", report).on("ready", report);
  return () => watcher.close();
}

function withSeparator(path: string): string {
  return path.endsWith(sep) ? path : path + sep;
}
