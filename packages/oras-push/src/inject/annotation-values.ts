import {
  ANNOTATIONS,
  type Annotation,
  EXCLUSIVE,
  NONE,
  NUMBERED_INPUT,
  OPERATOR_PREFIX,
  OWN_PREFIX,
  type PodPart,
} from "./annotations.ts";
import { messageText } from "./messages.ts";
import { type ValueTypeName, valueType } from "./value-types.ts";

/** The annotations of a pod, by name. */
export type GivenAnnotations = Readonly<Record<string, string>>;

const NUMBERED = new RegExp(NUMBERED_INPUT);

const BY_NAME: ReadonlyMap<string, Annotation> = new Map(
  ANNOTATIONS.map((annotation) => [annotation.name, annotation]),
);

/**
 * Whether a pod asks for injection. A pod asks for injection if it has an annotation of the ORAS Operator or of these
 * tools.
 */
export function asksForInjection(given: GivenAnnotations): boolean {
  return Object.keys(given).some(isOurs);
}

/** Whether the name of an annotation has a prefix of the ORAS Operator or of these tools. */
export function isOurs(name: string): boolean {
  return name.startsWith(OPERATOR_PREFIX) || name.startsWith(OWN_PREFIX);
}

/** Whether a pod sets an annotation. An annotation of the ORAS Operator with the value `NA` counts as not set. */
export function isSet(given: GivenAnnotations, name: string): boolean {
  return Object.hasOwn(given, name) && !(name.startsWith(OPERATOR_PREFIX) && given[name] === NONE);
}

/** Returns the items of a list: the lines that are not empty. */
export function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** Returns the names of the annotations `input-uri_N`, sorted by number. */
export function numberedInputs(given: GivenAnnotations): string[] {
  const names = Object.keys(given).filter((name) => NUMBERED.test(name) && isSet(given, name));
  return names.sort((a, b) => numberOf(a) - numberOf(b));
}

/**
 * Returns the values of all given annotations that set `part`, in the order of {@link ANNOTATIONS}. If `prefix` is
 * given, ignores annotations whose names do not start with `prefix`.
 */
export function partValues(given: GivenAnnotations, part: PodPart, prefix: string = ""): string[] {
  const names = ANNOTATIONS.filter(({ sets }) => sets === part).map(({ name }) => name);
  return names.filter((name) => name.startsWith(prefix) && isSet(given, name)).map((name) => given[name] ?? "");
}

/**
 * Returns the reason why the annotations are invalid: an unknown name, a wrong value, or two annotations that exclude
 * each other. Returns undefined if the annotations are valid.
 */
export function annotationProblem(given: GivenAnnotations): string | undefined {
  return unknownName(given) ?? unquoted(given) ?? wrongValue(given) ?? exclusivePair(given);
}

function unknownName(given: GivenAnnotations): string | undefined {
  const unknown = Object.keys(given).filter((name) => isOurs(name) && !BY_NAME.has(name) && !NUMBERED.test(name));
  const [name] = unknown.sort();
  return name === undefined ? undefined : messageText("unknown", { name });
}

/**
 * Returns a message if the value of an annotation is not a string. In YAML, `true` without quotes is a boolean, and `1`
 * without quotes is a number. Kubernetes rejects such values.
 */
function unquoted(given: GivenAnnotations): string | undefined {
  const name = Object.keys(given).find((key) => isOurs(key) && typeof given[key] !== "string");
  return name === undefined ? undefined : messageText("unquoted", { name });
}

function wrongValue(given: GivenAnnotations): string | undefined {
  for (const { name, type } of ANNOTATIONS)
    if (isSet(given, name) && !isValid(type, given[name] ?? "")) return invalid(name, type, given);
  const wrong = numberedInputs(given).find((name) => !isValid("pullUri", given[name] ?? ""));
  return wrong === undefined ? undefined : invalid(wrong, "pullUri", given);
}

function exclusivePair(given: GivenAnnotations): string | undefined {
  const pair = EXCLUSIVE.find((names) => names.every(({ name }) => isSet(given, name)));
  return pair && messageText("exclusive", { first: pair[0].name, second: pair[1].name });
}

function isValid(type: ValueTypeName, value: string): boolean {
  const { pattern, list } = valueType(type);
  const items = list ? linesOf(value) : [value];
  return items.length > 0 && items.every((item) => new RegExp(pattern).test(item));
}

function invalid(name: string, type: ValueTypeName, given: GivenAnnotations): string {
  // A message has one line.
  const value = (given[name] ?? "").replaceAll("\n", " ");
  return messageText("invalid", { name, words: valueType(type).words, value });
}

function numberOf(name: string): number {
  return Number(name.slice(name.lastIndexOf("_") + 1));
}
