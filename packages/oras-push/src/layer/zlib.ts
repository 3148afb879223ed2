/**
 * Loads Node's zlib when it is first used. zlib takes a megabyte of memory, and a waiting sidecar does not need zlib.
 */
export function zlib(): Promise<typeof import("node:zlib")> {
  return import("node:zlib");
}
