import { join } from "node:path";
import { findProgram } from "../../support/debian.ts";
import { startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { startContainerRegistry, startDistribution } from "../../support/registry/process-registry.ts";
import { builtProgram } from "./clients.ts";
import { zotAnswers } from "./registry/zot-answers.ts";

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

const container = builtProgram("go-containerregistry");

/** The registry of go-containerregistry, which is none of distribution's family. */
const CONTAINER_REGISTRY: RegistryKind = {
  name: "go-containerregistry",
  skip: container === undefined ? "go-containerregistry is not built: no Go" : false,
  start: () => startContainerRegistry(container as string),
};

/** Ours, with the answers of a registry that cannot be had here. */
export const LIKE_ZOT: RegistryKind = {
  name: "in-process registry with zot's answers",
  skip: false,
  start: async () => {
    const registry = await startMemoryRegistry();
    registry.intercept(zotAnswers(registry));
    return registry;
  },
};

/** The registries that one suite has to pass for: ours, and real ones. */
export const REGISTRIES: readonly RegistryKind[] = [
  { name: "in-process registry", skip: false, start: () => startMemoryRegistry() },
  {
    name: "distribution",
    skip: distribution === undefined ? "docker-registry is not installed" : false,
    start: (folder) => startDistribution(distribution as string, join(folder, "registry")),
  },
  LIKE_ZOT,
  DISTRIBUTION_3,
  CONTAINER_REGISTRY,
];
