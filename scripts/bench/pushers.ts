import type { Bench, Contestant } from "./bench.ts";
import { compressFolder, pushWithOras, pushWithOurs } from "./commands.ts";
import type { Job } from "./measure.ts";

/** The names of the contestants that push or compress a path. */
export const OURS = "oras-push";
export const ORAS = "oras push";
export const PIGZ = "tar | pigz -6";
export const GZIP = "tar | gzip -6";

/**
 * Our push and the push of `oras`, each into an empty registry. `orasRounds` limits the rounds of `oras`, because
 * `oras` is very slow for some paths.
 */
export function pushers(bench: Bench, path: string, orasRounds?: number): Contestant[] {
  const { registry, peers } = bench;
  const { oras } = peers;
  const before = () => registry.empty();
  const reference = `${registry.address}/bench/push:1`;
  const job = oras === undefined ? undefined : () => pushWithOras(oras, reference, path);
  return [
    { name: OURS, before, job: () => pushWithOurs(reference, path, "--format", "json") },
    { name: ORAS, before, job, ...(orasRounds === undefined ? {} : { rounds: orasRounds }) },
  ];
}

/**
 * `tar | pigz` and `tar | gzip`. They only compress a folder, and push nothing. `gzip` uses a single processor. The
 * bench runs `gzip` in only one round.
 */
export function compressors({ peers }: Bench, path: string): Contestant[] {
  const { pigz, gzip } = peers;
  return [
    { name: PIGZ, job: pigz === undefined ? undefined : () => compressFolder(pigz, path) },
    { name: GZIP, job: gzip === undefined ? undefined : () => compressFolder(gzip, path), rounds: 1 },
  ];
}

/**
 * Returns the same contestants, but limits their processes to the given processors. The registry still uses all
 * processors.
 */
export function onProcessors(contestants: readonly Contestant[], processors: readonly number[]): Contestant[] {
  return contestants.map(({ job, ...contestant }) => ({
    ...contestant,
    job: job && (async (round) => limited(await job(round), processors)),
  }));
}

function limited({ argv, ...job }: Job, processors: readonly number[]): Job {
  return { ...job, argv: ["taskset", "-c", processors.join(","), ...argv] };
}
