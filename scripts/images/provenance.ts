import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../support/paths.ts";

/** The source revision of an image. */
export interface Provenance {
  /** The commit. If there are uncommitted changes, `-changed` follows. Empty if the commit is unknown. */
  readonly revision: string;
  /** The time of the commit, in seconds since 1970. The value is 0 if the commit is unknown. */
  readonly time: number;
}

/** Returns the git commit of these sources. Warns on stderr if there is no commit, for example in a source archive. */
export function readProvenance(): Provenance {
  const git = (...args: string[]) => spawnSync("git", ["-C", ROOT, ...args], { encoding: "utf8" });
  const commit = existsSync(join(ROOT, ".git")) ? git("log", "-1", "--format=%H %ct") : undefined;
  if (commit?.status !== 0) {
    const why = commit?.error === undefined ? "" : " (git is not installed)";
    console.error(`cannot find the git commit of these sources${why}: the revision of the image is empty`);
    return { revision: "", time: 0 };
  }
  const [hash = "", time] = commit.stdout.trim().split(" ");
  const isChanged = git("status", "--porcelain").stdout !== "";
  return { revision: isChanged ? `${hash}-changed` : hash, time: Number(time) };
}
