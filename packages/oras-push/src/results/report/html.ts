import { visibleText } from "../cells.ts";

/** A piece of HTML. Only {@link html} and {@link trusted} create pieces. */
class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

export type { Html };

/** A value in a template. Every value except {@link Html} is escaped. */
export type HtmlValue = Html | string | number | undefined | readonly HtmlValue[];

/**
 * Builds HTML from a template. Each value in the template is escaped, unless the value is already a piece of HTML. As a
 * result, no text of an artifact can become an HTML tag or an attribute. A value in an attribute must be inside double
 * quotes.
 */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(parts.map((part, index) => `${part}${textOf(values[index])}`).join(""));
}

/**
 * Converts text to HTML without escaping. Use this function only for text of this program, never for data of an
 * artifact.
 */
export function trusted(text: string): Html {
  return new Html(text);
}

function textOf(value: HtmlValue): string {
  if (value instanceof Html) return value.toString();
  if (Array.isArray(value)) return value.map(textOf).join("");
  return value === undefined ? "" : escapeText(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

/** Escapes text for HTML. Line breaks and tabs stay. Other invisible characters become visible. */
function escapeText(text: string): string {
  const lines = text.split(/(\r\n|[\n\t])/).map((part, index) => (index % 2 === 0 ? visibleText(part) : part));
  return lines.join("").replace(/[&<>"'`]/g, (found) => ENTITIES[found] as string);
}
