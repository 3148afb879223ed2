/** Loads Node's zlib at its first use. It takes a megabyte of memory, which a waiting sidecar does not need. */
export function zlib(): Promise<typeof import("node:zlib")> {
  return import("node:zlib");
}
