/** A dependency of the tests or the demo: its path, or the reason why it is missing. */
export type Dependency = { readonly path: string } | MissingDependency;

/** A dependency that is not on this machine. */
export interface MissingDependency {
  /** The dependency and the reason. */
  readonly missing: string;
  /**
   * True if a test run in CI cannot install this dependency. In this case, the run succeeds without the dependency. The
   * default is false.
   */
  readonly optional?: boolean;
}

/**
 * Calls `install` and returns the path of the dependency. If `install` throws, returns the message of the error as the
 * reason why the dependency is missing.
 */
export function attempt(name: string, install: () => string): Dependency {
  try {
    return { path: install() };
  } catch (error) {
    return { missing: `${name}: ${(error as Error).message}` };
  }
}
