/**
 * Returns a function that checks for a result of another process. The returned function calls `check`. If `check` finds
 * no result and the other process has ended, the returned function calls `check` once more, because the other process
 * possibly produced the result after the first call. If there is still no result, the returned function throws the
 * error from `failure`.
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
