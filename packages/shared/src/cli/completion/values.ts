import type { OptionSpec } from "../option-specs.ts";

/** The completion of an option's value. */
export type ValueCompletion =
  /** The option is a flag, or its value can be omitted. */
  | { readonly kind: "flag" }
  | { readonly kind: "choices"; readonly choices: readonly string[] }
  | { readonly kind: "files" }
  | { readonly kind: "folders" }
  /** The value can be any text. A shell cannot complete such a value. */
  | { readonly kind: "text" };

/**
 * Returns how a shell completes the value of an option. If the placeholder is DIR, the value is the path of a folder.
 * If the placeholder begins with the word FILE, PATH or SOCKET, the value is the path of a file or folder.
 */
export function valueCompletion(spec: OptionSpec): ValueCompletion {
  if (spec.type === "flag" || ("implied" in spec && spec.implied !== undefined)) return { kind: "flag" };
  if ("choices" in spec && spec.choices !== undefined) return { kind: "choices", choices: spec.choices };
  if (spec.placeholder === "DIR") return { kind: "folders" };
  return { kind: /^(FILE|PATH|SOCKET)\b/.test(spec.placeholder ?? "") ? "files" : "text" };
}

/** The last word of a command's name, such as `pull`. */
export function commandWord({ name }: { readonly name: string }): string {
  return name.split(" ").at(-1) as string;
}

/** Puts a text in single quotes, so that bash and zsh read the text as one word. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
