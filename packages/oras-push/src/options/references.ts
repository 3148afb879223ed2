import { type OptionSpecs, type Usage, usageError } from "shared/cli/command-line";
import {
  type AnyReference,
  type LayoutReference,
  parseLayoutReference,
  parseReference,
  type Reference,
  ReferenceSyntaxError,
} from "../oci/reference.ts";

/** What stands for "none" in the operator's form. */
export const NONE = "NA";

/** How the references of a command line are read. */
export interface ReferenceForm {
  readonly usage: Usage<OptionSpecs>;
  /** Where `{NAME}` in a reference is looked up. */
  readonly env: NodeJS.ProcessEnv;
}

const VARIABLE = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Where to push to: a tag, or a repository alone. Throws a usage failure for text that says anything else. */
export function pushReference(form: ReferenceForm, text: string): Reference {
  return pushable(form, text, parseReference);
}

/** Where to push to in an OCI layout, `DIR:TAG` or `DIR`. Throws as {@link pushReference} does. */
export function pushLayoutReference(form: ReferenceForm, text: string): AnyReference {
  return pushable(form, text, parseLayoutReference);
}

/** Where to pull from: a tag or a digest. Throws a usage failure for text that says anything else. */
export function pullReference(form: ReferenceForm, text: string): Reference {
  return pullable(form, text, parseReference);
}

/** Where to pull from in an OCI layout, `DIR:TAG` or `DIR@DIGEST`. Throws as {@link pullReference} does. */
export function pullLayoutReference(form: ReferenceForm, text: string): AnyReference {
  return pullable(form, text, parseLayoutReference);
}

/** A whole repository, or a whole OCI layout. Throws a usage failure for text that names a part of one. */
export function wholeReference(form: ReferenceForm, text: string, ociLayout: boolean): AnyReference {
  const reference = ociLayout
    ? referenceOf(form, text, (layout): LayoutReference => ({ layout, tag: undefined, digest: undefined }))
    : referenceOf(form, text, parseReference);
  if (reference.tag !== undefined || reference.digest !== undefined)
    throw usageError(form.usage, `${text} names one artifact; --all takes a repository`);
  return reference;
}

function pushable<R extends AnyReference>(form: ReferenceForm, text: string, parse: (text: string) => R): R {
  const reference = referenceOf(form, text, parse);
  if (reference.digest !== undefined) throw usageError(form.usage, `${text} names a digest; a push goes to a tag`);
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
    // Who writes a password into one has to be told, not everyone who reads the log.
    const shown = JSON.stringify(expanded.replace(/^(https?:\/\/)?[^/]*@(?!sha256:)/, "$1***@"));
    throw usageError(form.usage, `${shown} is not a reference: ${error.message}`);
  }
}

/** Text with the values of environment variables in the place of `{NAME}`: one of a Job's many pods has a tag of its own. */
function expandVariables({ usage, env }: ReferenceForm, text: string): string {
  return text.replace(VARIABLE, (_, name: string) => {
    const value = env[name];
    if (value === undefined || value === "") throw usageError(usage, `${text} needs ${name}, which is not set`);
    return value;
  });
}
