import { existsSync } from "node:fs";
import { join } from "node:path";
import type { OptionSpecs } from "shared/cli/option-specs";
import { ToolError } from "shared/cli/tool-error";
import { type Usage, usageError } from "shared/cli/usage";
import {
  type AnyReference,
  type LayoutReference,
  MAX_TAG_LENGTH,
  parseLayoutReference,
  parseReference,
  type Reference,
  ReferenceSyntaxError,
} from "../oci/reference.ts";
import { type InputReference, parseTagPattern } from "../oci/tag-pattern.ts";
import type { ResultsTarget } from "../results/repositories.ts";

/** The argument that means "no reference", as in the script of the ORAS Operator. */
export const NONE = "NA";

/** The command whose arguments are references, and the environment of this command. */
export interface ReferenceForm {
  readonly usage: Usage<OptionSpecs>;
  /** The environment variables. In a reference, the value of the variable `NAME` replaces `{NAME}`. */
  readonly env: NodeJS.ProcessEnv;
}

const VARIABLE = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Parses the target of a push to a registry. The target is a repository. A tag is optional. Throws a usage failure if
 * the text is invalid.
 */
export function pushReference(form: ReferenceForm, text: string): Reference {
  return pushable(form, text, parseReference);
}

/**
 * Parses the reference that a sidecar pushes to. The reference must have a tag, because the sidecar can add one of
 * `suffixes` to this tag, for example after an unsuccessful run. Throws a usage failure if the text is invalid, or if
 * the tag would be too long with one of `suffixes`.
 */
export function runTagReference(form: ReferenceForm, text: string, suffixes: readonly string[]): Reference {
  const reference = pushReference(form, text);
  const { tag } = reference;
  if (tag === undefined) throw usageError(form.usage, `${text} has no tag: expected REGISTRY/REPOSITORY:TAG`);
  const tooLong = suffixes.find((suffix) => tag.length + suffix.length > MAX_TAG_LENGTH);
  if (tooLong !== undefined)
    throw usageError(
      form.usage,
      `the tag ${tag} is too long: the tag and ${tooLong} together must have at most ${MAX_TAG_LENGTH} characters`,
    );
  return reference;
}

/**
 * Parses the target of a push to an OCI layout. The target has the form `DIR:TAG` or `DIR`. Throws a usage failure if
 * the text is invalid.
 */
export function pushLayoutReference(form: ReferenceForm, text: string): AnyReference {
  return pushable(form, text, parseLayoutReference);
}

/**
 * Parses the reference of an artifact that a command pulls from a registry. The reference must have a tag or a digest.
 * Throws a usage failure if the text is invalid.
 */
export function pullReference(form: ReferenceForm, text: string): Reference {
  return pullable(form, text, parseReference);
}

/**
 * Parses an input of a sidecar: the reference of an artifact, or a pattern for the tags of a repository. Throws a usage
 * failure if the text is invalid.
 */
export function inputSource(form: ReferenceForm, text: string): InputReference {
  return referenceOf(form, text, parseTagPattern) ?? pullReference(form, text);
}

/**
 * Parses the reference of an artifact that a command pulls from an OCI layout. The reference has the form `DIR:TAG` or
 * `DIR@DIGEST`. Throws a usage failure if the text is invalid.
 */
export function pullLayoutReference(form: ReferenceForm, text: string): AnyReference {
  return pullable(form, text, parseLayoutReference);
}

/**
 * Parses the name of a whole repository, or the path of an OCI layout. Throws a usage failure if a tag or a digest
 * follows the name of a repository or the path of an existing layout.
 */
export function wholeReference(form: ReferenceForm, text: string, ociLayout: boolean): AnyReference {
  if (ociLayout) checkNoTag(form, text);
  const reference = orLayoutHint(text, () => repositoryOf(form, text, ociLayout));
  if (reference.tag !== undefined || reference.digest !== undefined)
    throw usageError(form.usage, `--all needs a repository without tag and digest, not ${text}`);
  return reference;
}

/**
 * Parses a text that names one repository, one OCI layout, or several repositories. If the text is only a registry or
 * ends with a slash, it means all repositories whose names start with the text. Throws a usage failure if the text has
 * a tag or a digest.
 */
export function resultsTarget(form: ReferenceForm, text: string, ociLayout: boolean): ResultsTarget {
  if (ociLayout) checkNoTag(form, text);
  if (!ociLayout && (text.endsWith("/") || !text.includes("/"))) {
    const prefix = text.replace(/\/$/, "");
    const whole = !prefix.includes("/");
    const named = whole ? `${prefix}/x` : prefix;
    const { registry, repository } = orLayoutHint(text, () => referenceOf(form, named, parseReference));
    return { registry, prefix: whole ? "" : `${repository}/` };
  }
  const reference = orLayoutHint(text, () => repositoryOf(form, text, ociLayout));
  if (reference.tag !== undefined || reference.digest !== undefined)
    throw usageError(form.usage, `expected a repository without tag and digest, not ${text}`);
  return reference;
}

/** Throws a usage failure if a tag or a digest follows the path of an existing layout. */
function checkNoTag({ usage }: ReferenceForm, text: string): void {
  const [layout = ""] = /^.+(?=@sha256:|:[^/:]*$)/.exec(text) ?? [];
  if (layout === "" || existsSync(text) || !isLayout(layout)) return;
  const hint = `leave out the tag or digest: write ${layout}`;
  throw usageError(usage, `expected an OCI layout without tag and digest, not ${text}`, hint);
}

/** Calls `parse`. Adds a hint to the failure if `parse` rejects the text, and the text is the path of an OCI layout. */
function orLayoutHint<R>(text: string, parse: () => R): R {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== "usage" || !isLayout(text)) throw error;
    const hint = "to read the OCI layout in this folder, add --oci-layout";
    throw new ToolError("usage", error.message, { why: error.why ?? "", hint, cause: error });
  }
}

function isLayout(folder: string): boolean {
  return existsSync(join(folder, "oci-layout"));
}

/**
 * Parses a repository or the path of a layout. If a tag or a digest follows the name of a repository, the result also
 * contains this tag or digest. For a layout, the whole text is the path.
 */
function repositoryOf(form: ReferenceForm, text: string, ociLayout: boolean): AnyReference {
  if (!ociLayout) return referenceOf(form, text, parseReference);
  return referenceOf(form, text, (layout): LayoutReference => ({ layout, tag: undefined, digest: undefined }));
}

function pushable<R extends AnyReference>(form: ReferenceForm, text: string, parse: (text: string) => R): R {
  const reference = referenceOf(form, text, parse);
  if (reference.digest !== undefined) throw usageError(form.usage, `${text} has a digest, but a push needs a tag`);
  return reference;
}

function pullable<R extends AnyReference>(form: ReferenceForm, text: string, parse: (text: string) => R): R {
  const reference = referenceOf(form, text, parse);
  if (reference.tag === undefined && reference.digest === undefined)
    throw usageError(form.usage, `${text} has neither a tag nor a digest`);
  return reference;
}

function referenceOf<R>(form: ReferenceForm, text: string, parse: (text: string) => R): R {
  const expanded = expandVariables(form, text);
  try {
    return parse(expanded);
  } catch (error) {
    if (!(error instanceof ReferenceSyntaxError)) throw error;
    // A password in the reference must not appear in the log.
    const shown = JSON.stringify(expanded.replace(/^(https?:\/\/)?[^/]*@(?!sha256:)/, "$1***@"));
    throw usageError(form.usage, `${shown} is not a reference: ${error.message}`);
  }
}

/**
 * Replaces each `{NAME}` with the value of the environment variable `NAME`. With such a variable, each pod of a Job can
 * push to its own tag.
 */
function expandVariables({ usage, env }: ReferenceForm, text: string): string {
  return text.replace(VARIABLE, (_, name: string) => {
    const value = env[name];
    if (value === undefined || value === "")
      throw usageError(usage, `${text} needs the environment variable ${name}, which is not set`);
    return value;
  });
}
