/**
 * A random name of 12 hexadecimal digits. The name is not a secret, so this function does not use `node:crypto`, which
 * needs a megabyte of memory.
 */
export function uniqueName(): string {
  return Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, "0");
}
