/** Loads Node's zlib on the first call. zlib takes a megabyte of memory, and a waiting sidecar does not need zlib. */
export function zlib(): Promise<typeof import("node:zlib")> {
  return import("node:zlib");
}
