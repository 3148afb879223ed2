import type { ArtifactPlan } from "../artifact/push-artifact.ts";
import type { TransferPlan } from "../artifact/transfer.ts";
import type { SidecarOptions } from "./sidecar-context.ts";

/** The settings of a sidecar and of its transfers. */
export interface SidecarPlan extends TransferPlan, ArtifactPlan, SidecarOptions {
  /** The folder of the shared volume. */
  readonly share: string;
  /** Seconds to wait for missing inputs. If undefined, the sidecar does not wait, and fails if an input is missing. */
  readonly inputTimeoutSeconds: number | undefined;
  /**
   * The minimum number of tags that all patterns together must match. If undefined, each pattern must match at least
   * one tag.
   */
  readonly inputCount: number | undefined;
  /**
   * Whether to accept inputs from failed or incomplete runs. A pattern does not match such inputs, even if this setting
   * is true.
   */
  readonly allowFailedInputs: boolean;
}
