/**
 * Removes the newline that editors and `echo` add at the end of a secret. A password never ends with a newline (RFC
 * 7617, section 2).
 */
export function withoutNewline(secret: string): string {
  return secret.replace(/\r?\n$/, "");
}
