import type { Log } from "shared/cli/log";
import type { Lease } from "shared/pod/lease-state";
import type { OutputRecord } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import type { ResolvedOutput } from "./outputs/output-paths.ts";
import type { RunResult } from "./process/exit-status.ts";
import type { SignalSource } from "./process/signals.ts";
import type { SidecarTimeout } from "./sidecar-wait.ts";

/** The steps of a launch that use files and processes. Tests replace them. */
export interface LaunchSteps {
  /** Takes the launcher's lease on the shared volume. */
  readonly takeLease: () => Promise<Lease>;
  /** Whether the sidecar has been gone for too long, see {@link SidecarTimeout}. */
  readonly sidecarGone: SidecarTimeout["sidecarGone"];
  /** Removes the copies of an earlier attempt. Returns the paths of the future outputs, relative to the volume. */
  readonly prepareOutputs: () => Promise<readonly string[]>;
  /** Copies the pulled inputs into a folder. */
  readonly placeInputs: (folder: string) => Promise<void>;
  /** Runs the command, and waits until it ends. */
  readonly run: () => Promise<RunResult>;
  /** Completes the copies of the command's stdout and stderr. Returns the saved logs. */
  readonly finishLogs: () => Promise<readonly OutputRecord[]>;
  /** Waits until the launcher's own stdout and stderr have received everything that the command wrote. */
  readonly flush: (signal: AbortSignal) => Promise<void>;
  /** Resolves the outputs to paths. Called after the command has ended. */
  readonly resolveOutputs: () => readonly ResolvedOutput[];
  /** Saves an output path. Returns undefined if it is missing. */
  readonly save: (path: string) => Promise<readonly OutputRecord[] | undefined>;
}

/** The surroundings of a launch. */
export interface LaunchContext {
  /** The ID of this start of the launcher: random, and never used twice. */
  readonly attempt: string;
  readonly volume: SharedVolume;
  readonly signals: SignalSource;
  /** Receives the log lines of a wait. */
  readonly waitLog: Log;
  /** Receives warnings. They are printed even with `--quiet`. */
  readonly warn: Log;
}
