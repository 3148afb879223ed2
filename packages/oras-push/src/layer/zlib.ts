/** Node's zlib, loaded when it is first wanted: a megabyte that a sidecar does without for as long as it waits. */
export function zlib(): Promise<typeof import("node:zlib")> {
  return import("node:zlib");
}
