/** Loads Node's zlib at its first use. zlib takes a megabyte of memory, and a waiting sidecar does not need it. */
export function zlib(): Promise<typeof import("node:zlib")> {
  return import("node:zlib");
}
