/** A connection whose transfer stalled. */
class StalledError extends Error {
  override readonly name = "StalledError";
  readonly code = "UND_ERR_BODY_TIMEOUT";
}

/** Passes a request body on. Aborts `stalled` if the other side accepts no chunk for `time` milliseconds. */
export async function* abortWhenStalled(
  body: AsyncIterable<Buffer>,
  time: number,
  stalled: AbortController,
): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    const timer = setTimeout(() => stalled.abort(new StalledError("the request body stalled")), time);
    try {
      yield chunk;
    } finally {
      clearTimeout(timer);
    }
  }
}
