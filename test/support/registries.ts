import { join } from "node:path";
import { findProgram } from "../../scripts/debian.ts";
import { startDistribution } from "./registry/distribution.ts";
import { startMemoryRegistry } from "./registry/memory-registry.ts";

/** A kind of registry that tests run against. */
export interface RegistryKind {
  readonly name: string;
  /** Why it cannot be had here; false where it can. */
  readonly skip: string | false;
  /** Starts one with its data in a folder; gives its address and how to stop it. */
  readonly start: (folder: string) => Promise<{ readonly address: string; close(): Promise<void> }>;
}

const distribution = findProgram("docker-registry");

/** The registries that one suite has to pass for: ours, and Debian's distribution. */
export const REGISTRIES: readonly RegistryKind[] = [
  { name: "in-process registry", skip: false, start: () => startMemoryRegistry() },
  {
    name: "distribution",
    skip: distribution === undefined ? "docker-registry is not installed" : false,
    start: (folder) => startDistribution(distribution as string, join(folder, "registry")),
  },
];
