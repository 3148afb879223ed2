/**
 * Returns a check for a result that another process produces. Each call runs `check`. If `check` finds no result and
 * the other process is gone, `check` runs once more. The process may have produced the result just before its end. If
 * there is still no result, throws the error that `failure` returns.
 */
export function whileAlive<T>(
  check: () => Promise<T | undefined>,
  isGone: () => Promise<boolean>,
  failure: () => Error,
): () => Promise<T | undefined> {
  return async () => {
    const found = await check();
    if (found !== undefined || !(await isGone())) return found;
    const last = await check();
    if (last !== undefined) return last;
    throw failure();
  };
}
