import { dirname } from "node:path";
import { basename } from "node:path/posix";
import { toolPath } from "../../support/tools.ts";
import type { Job } from "./measured.ts";

/** Our push of a path. */
export function pushWithOurs(reference: string, path: string, ...options: readonly string[]): Job {
  return { argv: [toolPath("oras-push"), ...options, reference, basename(path)], cwd: dirname(path) };
}

/** The same by `oras`. */
export function pushWithOras(oras: string, reference: string, path: string): Job {
  return { argv: [oras, "push", "--plain-http", reference, basename(path)], cwd: dirname(path) };
}

/** Our pull into the folder `out` below `folder`. */
export function pullWithOurs(reference: string, folder: string): Job {
  return { argv: [toolPath("oras-push"), "pull", reference, "-o", "out"], cwd: folder };
}

/** The same by `oras`. */
export function pullWithOras(oras: string, reference: string, folder: string): Job {
  return { argv: [oras, "pull", "--plain-http", reference, "-o", "out"], cwd: folder };
}

/** A folder as a compressed archive, whose size in bytes is the output. */
export function archive(compressor: string, path: string): Job {
  const script = 'tar -cf - "$1" | "$2" -6 -c | wc -c';
  return { argv: ["sh", "-c", script, "sh", basename(path), compressor], cwd: dirname(path) };
}
