import { dirname } from "node:path";
import { basename } from "node:path/posix";
import { toolPath } from "../../support/tools.ts";
import type { Job } from "./measure.ts";

/** The command line of a push, without reference and path. */
export type Pusher = readonly [program: string, ...args: string[]];

/** A push by our tool. */
export const OUR_PUSHER: Pusher = [toolPath("oras-push")];

/**
 * A push by our tool, at the same time as many other pushes. The push retries for 120 seconds, the default of a
 * sidecar, because many pushes can make the registry slow.
 */
export const OUR_CROWD_PUSHER: Pusher = [...OUR_PUSHER, "--retry-for", "120"];

/** A push by `oras`. Undefined if this machine does not have `oras`. */
export function orasPusher(oras: string | undefined): Pusher | undefined {
  return oras === undefined ? undefined : [oras, "push", "--plain-http"];
}

/** Pushes a path with our tool. */
export function pushWithOurs(reference: string, path: string, ...options: readonly string[]): Job {
  return { argv: [...OUR_PUSHER, ...options, reference, basename(path)], cwd: dirname(path) };
}

/** Pushes a path with `oras`. */
export function pushWithOras(oras: string, reference: string, path: string): Job {
  return { argv: [oras, "push", "--plain-http", reference, basename(path)], cwd: dirname(path) };
}

/** Pulls with our tool into the folder `out` below `folder`. */
export function pullWithOurs(reference: string, folder: string): Job {
  return { argv: [toolPath("oras-push"), "pull", reference, "-o", "out"], cwd: folder };
}

/** Pulls with `oras` into the folder `out` below `folder`. */
export function pullWithOras(oras: string, reference: string, folder: string): Job {
  return { argv: [oras, "pull", "--plain-http", reference, "-o", "out"], cwd: folder };
}

/** Packs a folder into a tar archive, and compresses the archive at level 6. Prints the compressed size in bytes. */
export function compressFolder(compressor: string, path: string, ...options: readonly string[]): Job {
  const script = 'folder=$1; shift; tar -cf - "$folder" | "$@" -6 -c | wc -c';
  return { argv: ["sh", "-c", script, "sh", basename(path), compressor, ...options], cwd: dirname(path) };
}
