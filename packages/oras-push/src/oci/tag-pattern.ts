import { formatReference, parseReference, type Reference, ReferenceSyntaxError } from "./reference.ts";

/** The tags of one repository that match a glob pattern, as in `localhost:5000/squares:iter-*`. */
export interface TagPattern {
  /** Host and port, such as `localhost:5000`. */
  readonly registry: string;
  readonly repository: string;
  /** A pattern with `*`, `?`, `[a-z]` or `{a,b}`, in the syntax of `path.matchesGlob`. */
  readonly pattern: string;
}

/** An input of a step: a single artifact, or the artifacts whose tags in one repository match a pattern. */
export type InputReference = Reference | TagPattern;

/**
 * A text of characters that are valid in tags (distribution-spec, "Pulling manifests") or have a meaning in patterns.
 */
const PATTERN = /^[a-zA-Z0-9._*?[\]{},!^-]+$/;

/**
 * Parses a text of the form `HOST[:PORT]/REPOSITORY:PATTERN`. Returns undefined if the text has no pattern. Throws
 * {@link ReferenceSyntaxError} if the text has a pattern, but is invalid.
 */
export function parseTagPattern(text: string): TagPattern | undefined {
  const colon = text.lastIndexOf(":");
  const pattern = text.slice(colon + 1);
  if (colon < text.indexOf("/") || !/[*?[{]/.test(pattern)) return undefined;
  if (!PATTERN.test(pattern))
    throw new ReferenceSyntaxError(`${JSON.stringify(pattern)} is not a valid tag pattern: use * ? [a-z] {a,b}`);
  const { registry, repository } = parseReference(text.slice(0, colon));
  return { registry, repository, pattern };
}

/** Formats an input of a step as text. The input is a reference or a pattern. */
export function formatInput(input: InputReference): string {
  if (!isTagPattern(input)) return formatReference(input);
  const { registry, repository, pattern } = input;
  return `${registry}/${repository}:${pattern}`;
}

/** Whether an input is a pattern. Any other input is the reference of a single artifact. */
export function isTagPattern(input: InputReference): input is TagPattern {
  return "pattern" in input;
}
