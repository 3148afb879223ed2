import { join } from "node:path";
import { findProgram } from "../../scripts/debian.ts";
import { builtProgram } from "./clients.ts";
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
const distribution3 = builtProgram("distribution-3");

/** Distribution 3, which keeps an upload that broke off. */
export const DISTRIBUTION_3: RegistryKind = {
  name: "distribution 3",
  skip: distribution3 === undefined ? "distribution 3 is not built: no Go" : false,
  start: (folder) => startDistribution(distribution3 as string, join(folder, "registry-3")),
};

/** The registries that one suite has to pass for: ours, and Debian's distribution. */
export const REGISTRIES: readonly RegistryKind[] = [
  { name: "in-process registry", skip: false, start: () => startMemoryRegistry() },
  {
    name: "distribution",
    skip: distribution === undefined ? "docker-registry is not installed" : false,
    start: (folder) => startDistribution(distribution as string, join(folder, "registry")),
  },
];
