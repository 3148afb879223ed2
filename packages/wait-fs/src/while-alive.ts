import type { LeaseState } from "./lease.ts";
import { ToolError } from "./tool-error.ts";

/**
 * A look that goes on only while a lease is held: once it was seen and has ended, given back or not, or its holder is
 * found dead, there is one more look, for what the holder wrote last; then `launcherDied` is thrown. A lease that nobody
 * took yet is waited for.
 */
export function whileAlive<T>(
  look: () => Promise<T | undefined>,
  lease: () => Promise<LeaseState>,
): () => Promise<T | undefined> {
  let seen = false;
  return async () => {
    const found = await look();
    if (found !== undefined) return found;
    const { kind } = await lease();
    if (kind === "held") seen = true;
    if (kind === "held" || (kind === "none" && !seen)) return undefined;
    const last = await look();
    if (last !== undefined) return last;
    throw new ToolError("launcherDied", "the launcher ended before what is waited for was there");
  };
}
