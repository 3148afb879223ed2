import type { Condition } from "shared/cli/condition";
import type { TypedPath } from "shared/cli/media-type";
import type { CheckpointPlan } from "./checkpoints/checkpoint-plan.ts";

/** How to run a command in a pod. */
export interface LaunchPlan extends CheckpointPlan {
  /** The folder for the inputs; undefined if the step has no inputs. */
  readonly input: string | undefined;
  /**
   * Whether to wait for the sidecar, and to skip the run if the sidecar finds the output of the run in the registry.
   */
  readonly skipDone: boolean;
  /** Paths or patterns to save. */
  readonly outputs: readonly TypedPath[];
  /** Whether a missing output is accepted. */
  readonly allowMissingOutput: boolean;
  /** Path of a file that receives a copy of the command's stdout; undefined if no copy is needed. */
  readonly outputPipe: string | undefined;
  /** Whether to save stdout and stderr for the sidecar. */
  readonly logs: boolean;
  /** The command and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** The inputs must be complete within this number of seconds. If undefined, there is no time limit. */
  readonly initTimeoutSeconds: number | undefined;
  /** Seconds to wait for a new sidecar after a sidecar died. */
  readonly sidecarTimeoutSeconds: number;
  /** The command must end within this number of seconds. If undefined, there is no time limit. */
  readonly timeoutSeconds: number | undefined;
  /** Seconds from SIGTERM to SIGKILL, if the command does not end. */
  readonly graceSeconds: number;
  /** If this condition is not met, the launcher runs the command and does nothing else. */
  readonly onlyIf: Condition | undefined;
  /** Whether to wait for the push. */
  readonly waitPush: boolean;
  /** If true, the launcher writes no log. */
  readonly quiet: boolean;
}
