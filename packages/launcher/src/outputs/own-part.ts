import { sep } from "node:path";
import { SHARE } from "shared/pod/markers";

const OWN: ReadonlySet<string> = new Set(
  [...Object.values(SHARE), ...[SHARE.lease, SHARE.sidecarLease].map((name) => name.replace(/\.sock$/, ".txt"))].filter(
    (name) => name !== SHARE.outputs,
  ),
);

/**
 * Whether a path on the shared volume belongs to the tools. The markers and the leases belong to the tools. The folders
 * of the inputs, logs and checkpoints belong to the tools too, with everything in these folders. `within` is the path
 * relative to the volume. A path of the tools is never an output.
 */
export function isOwnPart(within: string): boolean {
  return OWN.has(within.split(sep, 1)[0] ?? "");
}
