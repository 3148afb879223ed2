/**
 * Wraps a check for a wait on another process. If that process is gone, the check runs once more, because the process
 * may have left a result just before its end. If there is no result, the error of `failure` is thrown.
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
