/** How to take checkpoints. */
export interface CheckpointPlan {
  /** The folder of the shared volume. */
  readonly share: string;
  /** Absolute paths or patterns of the application's state. If the list is empty, the launcher takes no checkpoint. */
  readonly checkpoints: readonly string[];
  /** The time between two checkpoints, in seconds. */
  readonly checkpointSeconds: number;
}
