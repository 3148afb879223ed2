/** A random name of 12 hexadecimal digits. It is not a secret; `node:crypto` would take a megabyte of memory to load. */
export function uniqueName(): string {
  return Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, "0");
}
