/**
 * Passes on the values of a generator, and requests up to `count` values in advance. Therefore, the generator works
 * while the consumer is busy with earlier values. Returns the result of the generator.
 */
export async function* readAhead<T, R>(source: AsyncGenerator<T, R>, count: number): AsyncGenerator<T, R> {
  const requests: Promise<IteratorResult<T, R>>[] = [];
  try {
    for (;;) {
      while (requests.length <= count) {
        const request = source.next();
        // The error is thrown later, when the promise is awaited. Without this handler, Node would report an unhandled
        // rejection.
        request.catch(() => {});
        requests.push(request);
      }
      const next = await (requests.shift() as Promise<IteratorResult<T, R>>);
      if (next.done === true) return next.value;
      yield next.value;
    }
  } finally {
    await source.return(undefined as R);
  }
}
