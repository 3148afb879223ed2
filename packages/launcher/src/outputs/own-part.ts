import { sep } from "node:path";
import { SHARE } from "shared/pod/markers";

const OWN: ReadonlySet<string> = new Set(
  [...Object.values(SHARE), ...[SHARE.lease, SHARE.sidecarLease].map((name) => name.replace(/\.sock$/, ".txt"))].filter(
    (name) => name !== SHARE.outputs,
  ),
);

/**
 * Whether a path on the shared volume belongs to the tools. The markers, the leases, the folder of the inputs and the
 * folder of the logs belong to the tools, and so does everything in these folders. `within` is the path relative to the
 * volume. A path of the tools is never an output.
 */
export function isOwnPart(within: string): boolean {
  return OWN.has(within.split(sep, 1)[0] ?? "");
}
