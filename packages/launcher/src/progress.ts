import type { DoneMarker, OutputRecord, Phase } from "shared/pod/markers";
import type { ExitStatus } from "./process/exit-status.ts";

/** The progress of one attempt; each step adds its result. */
export interface Progress {
  /** RFC 3339, UTC. */
  readonly startedAt: string;
  phase: Phase;
  /** Undefined until the command has ended. */
  status: ExitStatus | undefined;
  outputs: readonly OutputRecord[];
  logs: readonly OutputRecord[];
}

/** The progress of an attempt that starts now. */
export function newProgress(): Progress {
  return { startedAt: new Date().toISOString(), phase: "init", status: undefined, outputs: [], logs: [] };
}

/** The command's exit code; 0 if the command has not run. */
export function commandExitCode({ status }: Progress): number {
  return status?.exitCode ?? 0;
}

/** The done marker of an attempt, or its failure marker if `error` is not null. */
export function doneMarker(attempt: string, progress: Progress, error: string | null): DoneMarker {
  const { startedAt, phase, status, outputs, logs } = progress;
  return {
    schema: 1,
    attempt,
    phase: error === null ? "done" : phase,
    exitCode: status?.exitCode ?? null,
    signal: status?.signal ?? null,
    reason: status?.reason ?? null,
    startedAt,
    finishedAt: new Date().toISOString(),
    outputs,
    logs,
    error,
  };
}
