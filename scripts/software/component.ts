/** Software of others in the tools or in the image, and its license. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** The package URLs (purl specification), one for each architecture if it has packages of its own. */
  readonly urls: readonly string[];
  /** The license as an SPDX expression. It is missing if the origin names no expression. */
  readonly license?: string;
  /** The text of the license. */
  readonly text: string;
  /** The parts whose licenses are also in `text`. */
  readonly parts?: readonly Part[];
}

/** A part of a component. */
export interface Part {
  readonly name: string;
  readonly version: string;
}

/** Returns the name and version of a component, as a text that is safe in the name of a file and in an SPDX identifier. */
export function componentId({ name, version }: Part): string {
  return `${name}-${version}`.replaceAll(/[^A-Za-z0-9.-]+/g, "-");
}
