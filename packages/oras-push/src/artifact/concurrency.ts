/**
 * Calls `map` for each item, but for at most `limit` items at the same time. Returns the results in the order of the
 * items. After an error, this function starts no further calls. It waits for the active calls, and then throws the
 * first error.
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  const pending = items.entries();
  const failures: unknown[] = [];
  const work = async () => {
    for (const [index, item] of pending) {
      if (failures.length > 0) return;
      try {
        results[index] = await map(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, work));
  if (failures.length > 0) throw failures[0];
  return results;
}

/** A function that calls `act` when a slot is free, and returns the result of `act`. */
export type Limiter = <T>(act: () => Promise<T>) => Promise<T>;

/**
 * Creates a {@link Limiter} with `limit` slots. If no slot is free, a new call waits. The call that has waited longest
 * starts next.
 */
export function limiter(limit: number): Limiter {
  let free = Math.max(1, limit);
  const waiting: (() => void)[] = [];
  return async (act) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await act();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
