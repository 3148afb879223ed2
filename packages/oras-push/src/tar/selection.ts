import { matchesGlob } from "node:path";

/** Which entries of a folder are wanted, by glob patterns as `path.matchesGlob` takes them. */
export interface Patterns {
  /** What is taken; everything where there are none. */
  readonly include: readonly string[];
  /** What is left out, whatever else says. */
  readonly exclude: readonly string[];
}

/** Says of an entry whether it is wanted, and whether something below it can be. */
export interface Selection {
  /** Whether an entry is wanted; a folder that is brings all it holds, but for what is excluded. */
  takes(path: string): boolean;
  /** Whether a folder, with what it holds, is left out. */
  excludes(path: string): boolean;
}

/**
 * The selection that patterns make. A pattern is matched against the path below the folder, such as `runs/1/log.txt`; one
 * without a slash against the name at any depth; one that begins with a slash only from the folder on. A pattern that
 * matches a folder stands for all that it holds.
 */
export function selection({ include, exclude }: Patterns): Selection {
  const included = include.map(matcher);
  const excluded = exclude.map(matcher);
  const within = (path: string, matchers: readonly Matcher[]) =>
    matchers.length > 0 && waysTo(path).some((way) => matchers.some((matches) => matches(way)));
  return {
    takes: (path) => !within(path, excluded) && (included.length === 0 || within(path, included)),
    excludes: (path) => within(path, excluded),
  };
}

type Matcher = (path: string) => boolean;

function matcher(pattern: string): Matcher {
  const trimmed = pattern.replace(/\/+$/, "").replace(/^\.\//, "");
  if (!trimmed.includes("/")) return (path) => matchesGlob(path.slice(path.lastIndexOf("/") + 1), trimmed);
  const anchored = trimmed.replace(/^\/+/, "");
  return (path) => matchesGlob(path, anchored);
}

/** A path and the folders on the way to it: `a/b/c` gives `a`, `a/b`, `a/b/c`. */
function waysTo(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
