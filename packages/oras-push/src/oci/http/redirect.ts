/** The maximum number of redirects for one request. */
export const MAX_REDIRECTS = 5;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Whether a status is a redirect (RFC 9110, section 15.4). */
export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}
