/** A dependency of the tests or the demo: its path, or the reason why it is missing. */
export type Dependency = { readonly path: string } | MissingDependency;

/** A dependency that is not on this machine. */
export interface MissingDependency {
  /** The dependency and the reason. */
  readonly missing: string;
  /**
   * Whether a test run in CI succeeds without this dependency, because a test run cannot install it. False by default.
   */
  readonly optional?: boolean;
}

/** Installs a dependency and returns its path. If `install` throws, the message becomes the reason. */
export function attempt(name: string, install: () => string): Dependency {
  try {
    return { path: install() };
  } catch (error) {
    return { missing: `${name}: ${(error as Error).message}` };
  }
}
