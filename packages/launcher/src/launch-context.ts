import type { Log } from "shared/cli/log";
import type { Lease } from "shared/pod/lease-state";
import type { InitMarker, OutputRecord } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import type { OutputFailures } from "./outputs/output-failures.ts";
import type { ResolvedOutput } from "./outputs/output-paths.ts";
import type { RunResult } from "./process/exit-status.ts";
import type { SignalSource } from "./process/signals.ts";
import type { SidecarTimeout } from "./sidecar-wait.ts";

/** The steps of a launch that use files or processes. Tests replace these steps. */
export interface LaunchSteps {
  /** Takes the launcher's lease on the shared volume. */
  readonly takeLease: () => Promise<Lease>;
  /** The state of the sidecar's lease. */
  readonly sidecarLease: SidecarTimeout["lease"];
  /** Whether the last sidecar died at least `seconds` seconds ago (see {@link SidecarTimeout}). */
  readonly sidecarGone: SidecarTimeout["sidecarGone"];
  /**
   * Removes the copies that an earlier attempt made. Returns the paths that the outputs will have. These paths are
   * relative to the shared volume.
   */
  readonly prepareOutputs: () => Promise<readonly string[]>;
  /** Copies the pulled inputs into a folder. */
  readonly placeInputs: (folder: string) => Promise<void>;
  /**
   * Restores the newest checkpoint if the init marker asks to resume. Returns the number of the checkpoint, or
   * undefined if the run starts from the beginning. Throws `noInput` if the restore fails.
   */
  readonly restore: (init: InitMarker) => Promise<number | undefined>;
  /** Runs the command, and waits until it ends. */
  readonly run: () => Promise<RunResult>;
  /** Completes the copies of the command's stdout and stderr. Returns the saved logs. */
  readonly finishLogs: () => Promise<readonly OutputRecord[]>;
  /** Waits until the launcher's own stdout and stderr have received everything that the command wrote. */
  readonly flush: (signal: AbortSignal) => Promise<void>;
  /** Resolves the outputs to paths. Call this after the command has ended. */
  readonly resolveOutputs: (failures: OutputFailures) => readonly ResolvedOutput[];
  /**
   * Saves an output path. Returns undefined if the path is missing. Reports each part of the output that cannot be
   * saved. Throws if no part of the output can be saved.
   */
  readonly save: (path: string, failures: OutputFailures) => Promise<readonly OutputRecord[] | undefined>;
  /** Saves the matches of a pattern as one folder. */
  readonly saveTogether: (
    folder: string,
    paths: readonly string[],
    failures: OutputFailures,
  ) => Promise<readonly OutputRecord[]>;
}

/** The context in which a launch runs. */
export interface LaunchContext {
  /** A random ID for this start of the launcher. No other start has the same ID. */
  readonly attempt: string;
  readonly volume: SharedVolume;
  readonly signals: SignalSource;
  /** Writes the log lines of a wait. */
  readonly waitLog: Log;
  /** Writes a warning, even with `--quiet`. */
  readonly warn: Log;
}
