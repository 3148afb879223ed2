/** A term and its explanation. */
export type Definition = readonly [term: string, text: string];

/** The column of the terms gets at most this share of the width. A term that does not fit gets a separate line. */
const TERM_SHARE = 0.4;

/**
 * Breaks text at spaces into lines of at most `width` characters. The first line starts with `first`, and every further
 * line starts with `next`. Replaces no-break spaces (U+00A0) with normal spaces.
 */
export function wrapText(text: string, width: number, first = "", next = first): string {
  return wrapWords(text.split(/ +/), width, first, next, "").replaceAll("\u00a0", " ");
}

/**
 * Breaks a shell command into lines of at most `width` characters. The first line starts with `indent`. Each further
 * line starts with `indent` and two spaces. Each line except the last ends with a backslash, so that a shell reads all
 * lines as one line. Quoted words stay whole.
 */
export function wrapCommand(command: string, width: number, indent: string): string {
  const words = command.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? [];
  return wrapWords(words, width, indent, `${indent}  `, " \\");
}

/**
 * Lays out definitions in two columns. The first column contains the terms. The second column contains the
 * explanations, and begins at the position `column`.
 */
export function layOutDefinitions(definitions: readonly Definition[], width: number, column: number): string {
  const indent = " ".repeat(column);
  return definitions
    .map(([term, text]) => {
      const explanation = wrapText(text, width, indent);
      const start = `  ${term}  `;
      if (start.length > column) return `  ${term}\n${explanation}`;
      return start.padEnd(column) + explanation.slice(column);
    })
    .join("\n");
}

/**
 * Returns the position of the second column. The second column starts after the longest term. Ignores terms that are
 * longer than {@link TERM_SHARE} of `width`.
 */
export function definitionColumn(definitions: readonly Definition[], width: number): number {
  const lengths = definitions.map(([term]) => term.length + 4);
  return Math.max(0, ...lengths.filter((length) => length <= width * TERM_SHARE));
}

function wrapWords(words: readonly string[], width: number, first: string, next: string, continued: string): string {
  const lines: string[] = [];
  let line = first + (words[0] ?? "");
  for (const word of words.slice(1)) {
    if (`${line} ${word}${continued}`.length > width) {
      lines.push(line + continued);
      line = next + word;
    } else line += ` ${word}`;
  }
  return [...lines, line].join("\n");
}
