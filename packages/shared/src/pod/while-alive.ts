/**
 * A look that goes on only until someone is found gone: then there is one more look, for what was left last, and
 * `failure` is thrown.
 */
export function whileAlive<T>(
  look: () => Promise<T | undefined>,
  isGone: () => Promise<boolean>,
  failure: () => Error,
): () => Promise<T | undefined> {
  return async () => {
    const found = await look();
    if (found !== undefined || !(await isGone())) return found;
    const last = await look();
    if (last !== undefined) return last;
    throw failure();
  };
}
