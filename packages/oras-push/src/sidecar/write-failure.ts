import { describeError, exitCodeOf } from "shared/cli/tool-error";
import type { FailureMarker } from "shared/pod/markers";
import type { SidecarContext } from "./sidecar-context.ts";

/**
 * Writes a failure to the marker `name`, so that a waiting launcher stops its wait. If the marker cannot be written,
 * this function logs a warning and does not throw, because the caller reports `error` anyway.
 */
export async function writeFailure(
  { volume, warn }: SidecarContext,
  name: string,
  attempt: string | null,
  error: unknown,
): Promise<void> {
  const exitCode = exitCodeOf(error);
  const marker: FailureMarker = { schema: 1, attempt, exitCode, error: describeError(error) };
  await volume.write(name, marker).catch((second) => warn(describeError(second)));
}
