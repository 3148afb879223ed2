import type { ArtifactRecord, DoneMarker, OutputRecord, Phase } from "shared/pod/markers";
import type { OutputFailures } from "./outputs/output-failures.ts";
import type { ExitStatus } from "./process/exit-status.ts";

/** The progress of one attempt. Each step of the attempt adds its result to this object. */
export interface Progress {
  /** The start time (RFC 3339, UTC). */
  readonly startedAt: string;
  phase: Phase;
  /** The exit status of the command. The value is undefined until the command has ended. */
  status: ExitStatus | undefined;
  outputs: readonly OutputRecord[];
  /** The paths that could not be saved. The value is undefined if there are no such paths. */
  lost: Pick<OutputFailures, "named" | "count"> | undefined;
  logs: readonly OutputRecord[];
  /** The existing output of an earlier run. If this field is set, the launcher skips the command. */
  skipped: ArtifactRecord | undefined;
  /**
   * The number of the checkpoint that the launcher restored. The value is undefined if the launcher restored no
   * checkpoint.
   */
  resumedFrom: number | undefined;
}

/** Returns the progress of an attempt that starts now. */
export function newProgress(): Progress {
  return {
    startedAt: new Date().toISOString(),
    phase: "init",
    status: undefined,
    outputs: [],
    lost: undefined,
    logs: [],
    skipped: undefined,
    resumedFrom: undefined,
  };
}

/** Returns the command's exit code. Returns 0 if the command has not run. */
export function commandExitCode({ status }: Progress): number {
  return status?.exitCode ?? 0;
}

/**
 * Returns the content of the done marker if `error` is null. Otherwise, returns the content of the done-failed marker.
 */
export function doneMarker(attempt: string, progress: Progress, error: string | null): DoneMarker {
  const { startedAt, phase, status, outputs, logs, lost, skipped, resumedFrom } = progress;
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
    ...(lost === undefined ? {} : { missing: lost.named, missingCount: lost.count }),
    ...(skipped === undefined ? {} : { skipped }),
    ...(resumedFrom === undefined ? {} : { resumedFrom }),
  };
}
