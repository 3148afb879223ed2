import type { Io } from "shared/cli/io";
import { type Log, plainLog } from "shared/cli/log";
import { oneLine } from "shared/cli/tool-error";
import { type Progress, plainProgress } from "../artifact/progress.ts";
import { progressBars } from "../artifact/progress-bars.ts";
import type { TransferContext } from "../artifact/transfer.ts";

/** Creates the context of a transfer. The context logs plain lines to stderr. */
export function plainContext(io: Io): TransferContext {
  return contextWith(io, plainLog(io.stderr), plainProgress(plainLog(io.stderr)));
}

/**
 * Calls `act` with progress bars if stderr is a terminal and `noTty` is false. Otherwise, calls `act` with plain lines.
 */
export async function withProgress<T>(
  io: Io,
  noTty: boolean,
  act: (context: TransferContext) => Promise<T>,
): Promise<T> {
  const columns = noTty ? undefined : io.columns?.();
  if (columns === undefined) return act(plainContext(io));
  const bars = progressBars({ write: io.stderr, columns: () => io.columns?.() ?? columns });
  try {
    return await act(contextWith(io, bars.print, bars));
  } finally {
    bars.close();
  }
}

function contextWith(io: Io, log: Log, progress: Progress): TransferContext {
  const warn = (text: string) => log(`oras-push: ${oneLine(text)}`);
  return { env: io.env, signal: io.interrupted(), log, warn, progress };
}
