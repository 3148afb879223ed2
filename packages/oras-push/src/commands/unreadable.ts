import type { Log } from "shared/cli/log";
import { describeError, ToolError } from "shared/cli/tool-error";
import type { Unreadable } from "../results/read-artifacts.ts";

/**
 * Logs each artifact that cannot be read. Throws the failure of the command if there are unreadable artifacts. The
 * failure has the exit code of the first unreadable artifact.
 */
export function reportUnreadable(unreadable: readonly Unreadable[], warn: Log): void {
  const [first] = unreadable;
  if (first === undefined) return;
  for (const { reference, failure } of unreadable) {
    const text = describeError(failure);
    warn(text.includes(reference) ? text : `${reference}: ${text}`);
  }
  const { length } = unreadable;
  const what = length === 1 ? "1 artifact or repository" : `${length} artifacts or repositories`;
  throw new ToolError(first.failure.code, `${what} could not be read`, { hint: "see the reasons in the log above" });
}
