/** Quotes a text as one word of a POSIX shell. A text stays unchanged if it contains only harmless characters. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
