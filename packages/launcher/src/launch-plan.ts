import type { Condition } from "shared/cli/condition";
import type { TypedPath } from "shared/cli/media-type";
import type { CheckpointPlan } from "./checkpoints/checkpoint-plan.ts";

/** How to run a command in a pod. */
export interface LaunchPlan extends CheckpointPlan {
  /** The folder for the inputs. The value is undefined if the step has no inputs. */
  readonly input: string | undefined;
  /**
   * If true, the launcher waits for the sidecar. The launcher skips the command if the sidecar finds, in the registry,
   * the output of an earlier successful run with the same inputs and the same cache key.
   */
  readonly skipDone: boolean;
  /** Paths or patterns to save. */
  readonly outputs: readonly TypedPath[];
  /** Whether a missing output is accepted. */
  readonly allowMissingOutput: boolean;
  /** Path of a file that receives a copy of the command's stdout. The value is undefined if no copy is needed. */
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
  /** If the command does not end after SIGTERM, the launcher sends SIGKILL after this number of seconds. */
  readonly graceSeconds: number;
  /** If this condition is not met, the launcher runs the command and does nothing else. */
  readonly onlyIf: Condition | undefined;
  /** Whether to wait for the push. */
  readonly waitPush: boolean;
  /** If true, the launcher writes no log. */
  readonly quiet: boolean;
}
