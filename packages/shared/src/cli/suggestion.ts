/** The maximum number of edits between a word and its suggestion. */
const MAX_EDITS = 2;

/** The minimum length of a word that can be completed to a longer suggestion. */
const MIN_PREFIX = 3;

/**
 * Returns the item of `words` that the user probably meant. If exactly one item begins with `word`, the result is this
 * item. Otherwise, the result is the item that is most similar to `word`. Returns undefined if no item is similar
 * enough. This function is pure.
 */
export function suggestion(word: string, words: readonly string[]): string | undefined {
  const longer = word.length >= MIN_PREFIX ? words.filter((other) => other.startsWith(word)) : [];
  if (longer.length === 1) return longer[0];
  const edits = words.map((other) => ({ other, count: editDistance(word, other) }));
  const [nearest] = edits.sort((a, b) => a.count - b.count);
  // Unrelated short words often differ by only two edits. Therefore, `word` must have three characters per edit.
  return nearest !== undefined && nearest.count <= Math.min(MAX_EDITS, word.length / 3) ? nearest.other : undefined;
}

/**
 * The minimum number of edits that change one word into the other (Levenshtein). An edit inserts, removes or replaces
 * one character.
 */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [above, character] of [...one].entries()) {
    const next = [above + 1];
    for (const [left, candidate] of [...other].entries()) {
      const replaced = (row[left] ?? 0) + (character === candidate ? 0 : 1);
      next.push(Math.min(replaced, (row[left + 1] ?? 0) + 1, (next[left] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
