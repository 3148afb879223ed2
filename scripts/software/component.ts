/** Third-party software in the tools or in the image, and its license. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /**
   * The package URLs (purl specification). If each architecture has its own package, there is one URL for each
   * architecture.
   */
  readonly urls: readonly string[];
  /** The license as an SPDX expression. Undefined if the source of the software names no expression. */
  readonly license?: string;
  /** The text of the license. */
  readonly text: string;
  /** The parts of this software. Their licenses are in `text`, too. */
  readonly parts?: readonly Part[];
}

/** A part of a component. */
export interface Part {
  readonly name: string;
  readonly version: string;
}

/** Returns the name and the version of a component as text. File names and SPDX identifiers can contain this text. */
export function componentId({ name, version }: Part): string {
  return `${name}-${version}`.replaceAll(/[^A-Za-z0-9.-]+/g, "-");
}
