import { matchesGlob } from "node:path";

/** Glob patterns that select entries of a folder, in the syntax of `path.matchesGlob`. */
export interface Patterns {
  /** Patterns of entries to select. If this list is empty, all entries are selected. */
  readonly include: readonly string[];
  /** Patterns of entries to skip, even if `include` matches these entries. */
  readonly exclude: readonly string[];
}

/**
 * Two functions that select entries of a folder. Each function takes a path below the folder, such as `runs/1/log.txt`.
 */
export interface Selection {
  /**
   * Whether an entry is selected. If a folder is selected, its content is also selected, except for excluded entries.
   */
  takes(path: string): boolean;
  /** Whether an entry is excluded. If a folder is excluded, its content is also excluded. */
  excludes(path: string): boolean;
}

/**
 * Creates a selection from patterns. Ignores `./` at the start and slashes at the end of a pattern. A pattern that
 * contains a slash is matched against the path below the folder. Any other pattern is matched against the name of an
 * entry at any depth. For example, the pattern `/a` matches the entry `a` of the folder, but not the entry `b/a`. A
 * pattern that matches a folder also matches its content.
 */
export function selection({ include, exclude }: Patterns): Selection {
  const included = include.map(matcher);
  const excluded = exclude.map(matcher);
  return {
    takes: (path) => !matchesAny(path, excluded) && (included.length === 0 || matchesAny(path, included)),
    excludes: (path) => matchesAny(path, excluded),
  };
}

type Matcher = (path: string) => boolean;

function matcher(pattern: string): Matcher {
  const trimmed = pattern.replace(/\/+$/, "").replace(/^\.\//, "");
  if (!trimmed.includes("/")) return (path) => matchesGlob(path.slice(path.lastIndexOf("/") + 1), trimmed);
  const anchored = trimmed.replace(/^\/+/, "");
  return (path) => matchesGlob(path, anchored);
}

/** Whether a matcher matches a path or one of its parent folders. */
function matchesAny(path: string, matchers: readonly Matcher[]): boolean {
  return matchers.length > 0 && prefixes(path).some((prefix) => matchers.some((matches) => matches(prefix)));
}

/** Returns a path and its parent folders. For `a/b/c`, returns `a`, `a/b` and `a/b/c`. */
function prefixes(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
