import { join } from "node:path";
import { findProgram } from "../../support/debian.ts";
import { startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { startContainerRegistry, startDistribution } from "../../support/registry/process-registry.ts";
import { findBuiltProgram } from "./clients.ts";
import { zotAnswers } from "./registry/zot-answers.ts";

/** A kind of registry for tests. */
export interface RegistryKind {
  readonly name: string;
  /** The reason to skip the tests of this registry. It is false if this machine has the registry. */
  readonly skip: string | false;
  /** Starts a registry that keeps its data in a folder. */
  readonly start: (folder: string) => Promise<{ readonly address: string; close(): Promise<void> }>;
}

const distribution = findProgram("docker-registry");
const distribution3 = findBuiltProgram("distribution-3");

/** Distribution 3. This registry keeps the data of an interrupted upload, so that a client can resume the upload. */
export const DISTRIBUTION_3: RegistryKind = {
  name: "distribution 3",
  skip: distribution3 === undefined ? "distribution 3 is not built: needs Go" : false,
  start: (folder) => startDistribution(distribution3 as string, join(folder, "registry-3")),
};

const container = findBuiltProgram("go-containerregistry");

/** The registry of go-containerregistry. It shares no code with distribution. */
export const CONTAINER_REGISTRY: RegistryKind = {
  name: "go-containerregistry",
  skip: container === undefined ? "go-containerregistry is not built: needs Go" : false,
  start: () => startContainerRegistry(container as string),
};

/** The in-process registry with the answers of zot. The tests cannot build the real zot. */
export const ZOT_EMULATION: RegistryKind = {
  name: "in-process registry with zot's answers",
  skip: false,
  start: async () => {
    const registry = await startMemoryRegistry();
    registry.intercept(zotAnswers(registry));
    return registry;
  },
};

/** All registries that a suite runs against. */
export const REGISTRIES: readonly RegistryKind[] = [
  { name: "in-process registry", skip: false, start: () => startMemoryRegistry() },
  {
    name: "distribution",
    skip: distribution === undefined ? "docker-registry is not installed" : false,
    start: (folder) => startDistribution(distribution as string, join(folder, "registry")),
  },
  ZOT_EMULATION,
  DISTRIBUTION_3,
  CONTAINER_REGISTRY,
];
