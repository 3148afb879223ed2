import type { Log } from "shared/cli/log";
import { describeError, ToolError } from "shared/cli/tool-error";
import { formatReference } from "../oci/reference.ts";
import type { Unreadable } from "../results/read-artifacts.ts";
import type { ResultsTarget } from "../results/repositories.ts";

/**
 * `empty` lists the repositories and layouts that have no tags or do not exist. Warns about each entry of `targets`
 * that is in `empty`. If no artifacts were found at all (`total` is 0), also warns about each prefix in `targets`.
 */
export function reportEmpty(targets: readonly ResultsTarget[], empty: readonly string[], total: number, warn: Log) {
  for (const target of targets) {
    if ("prefix" in target) {
      const { registry, prefix } = target;
      if (total === 0) warn(`found no artifacts in ${registry}/${prefix}`);
      continue;
    }
    const name = formatReference(target);
    if (!empty.includes(name)) continue;
    const why = ": the repository does not exist or has no tags; to select all repositories below it, add a slash";
    warn(`found no artifacts in ${name}${"layout" in target ? "" : why}`);
  }
}

/**
 * Logs each artifact that cannot be read. If there is at least one, throws an error. The exit code of this error comes
 * from the failure of the first unreadable artifact.
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
