/** Parts of CEL expressions (https://cel.dev). Each function returns the text of an expression. */
import { MESSAGES, type MessageName } from "oras-push/inject/messages";

/** A CEL expression in a value for {@link objectLiteral}. */
export interface Expression {
  readonly cel: string;
}

/** The names of fields that contain a map instead of a typed object. */
const MAPS: ReadonlySet<string> = new Set(["requests", "limits"]);

/** A text literal. */
export function text(value: string): string {
  return JSON.stringify(value);
}

/** A list literal with one item per line. */
export function list(items: readonly string[]): string {
  return items.length === 0 ? "[]" : `[\n${items.map((item) => indent(item)).join(",\n")}\n]`;
}

/** A list of texts on one line. */
export function texts(values: readonly string[]): string {
  return `[${values.map(text).join(", ")}]`;
}

/** The list `then` if a condition is true, otherwise an empty list. */
export function listIf(condition: string, then: string): string {
  return `(${condition} ? ${then} : [])`;
}

/** Joins lists into one list. */
export function concatenation(lists: readonly string[]): string {
  return lists.join("\n+ ");
}

/** A sentence of `MESSAGES`. `values` are the expressions that replace the names in braces. */
export function message(name: MessageName, values: Readonly<Record<string, string>> = {}): string {
  const parts = MESSAGES[name].split(/(\{\w+\})/).filter(Boolean);
  return parts.map((part) => values[part.slice(1, -1)] ?? text(part)).join(" + ");
}

/**
 * A typed object of the Kubernetes API. `type` is the path of its type, such as `Object.spec.volumes`. A value can
 * contain expressions.
 */
export function objectLiteral(type: string, value: object): string {
  const fields = Object.entries(value).map(([name, field]) => `${name}: ${literal(`${type}.${name}`, name, field)}`);
  return `${type}{${fields.join(", ")}}`;
}

/** An operation of a JSON patch that adds a value. `path` and `value` are expressions. */
export function addOperation(path: string, value: string): string {
  return `JSONPatch{op: "add", path: ${path}, value: ${value}}`;
}

/** Adds two spaces before each line. */
export function indent(lines: string): string {
  return lines.replaceAll(/^/gm, "  ");
}

function literal(type: string, name: string, value: unknown): string {
  if (isExpression(value)) return value.cel;
  if (Array.isArray(value)) return `[${value.map((item) => literal(type, name, item)).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (!MAPS.has(name)) return objectLiteral(type, value);
  return `{${Object.entries(value)
    .map(([key, item]) => `${text(key)}: ${JSON.stringify(item)}`)
    .join(", ")}}`;
}

function isExpression(value: unknown): value is Expression {
  return typeof value === "object" && value !== null && typeof (value as Partial<Expression>).cel === "string";
}
