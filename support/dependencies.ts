/** The dependencies of the tests, the demo and the bench. */
import { ensureProgram, findProgram } from "./debian.ts";
import type { Dependency, MissingDependency } from "./dependency.ts";
import { goModuleFile, goProgram } from "./go.ts";
import { pythonPackages } from "./python.ts";

/** A program of a Debian package. Installs the package if possible. */
export function debianProgram(program: string, packages: readonly string[]): Dependency {
  try {
    ensureProgram(program, packages);
    return { path: findProgram(program) as string };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}

/** Debian's `docker-registry` (distribution 2.8). Installs it if possible. */
export function distributionRegistry(): Dependency {
  return debianProgram("docker-registry", ["docker-registry"]);
}

/** The registry of distribution 3. Debian has no package of this version. */
export function distribution3Registry(): Dependency {
  return goProgram("distribution-3", "distribution-3", "github.com/distribution/distribution/v3/cmd/registry");
}

/** The registry of go-containerregistry, which keeps its data in memory. It shares no code with distribution. */
export function containerRegistry(): Dependency {
  const name = "go-containerregistry";
  return goProgram(name, name, "github.com/google/go-containerregistry/cmd/registry");
}

/** crane, the client of go-containerregistry. */
export function craneClient(): Dependency {
  return goProgram("crane", "go-containerregistry", "github.com/google/go-containerregistry/cmd/crane");
}

/**
 * zot, another registry. The tests cannot build zot, because the Go module proxy refuses some of zot's dependencies.
 * Instead, the in-process registry gives the answers that zot's documentation describes.
 */
export const ZOT: MissingDependency = {
  missing: "zot: the Go module proxy refuses some of its dependencies; the in-process registry emulates it",
  optional: true,
};

/** The `oras` command line, version 1.3. */
export function orasClient(): Dependency {
  return goProgram("oras", "oras-1.3", "oras.land/oras/cmd/oras");
}

/** The `oras` command line, in an older version. */
export function olderOrasClient(version: "1.1" | "1.2"): Dependency {
  return goProgram(`oras-${version}`, `oras-${version}`, "oras.land/oras/cmd/oras");
}

/** actionlint, which checks the workflow files of GitHub Actions. */
export function workflowLinter(): Dependency {
  return goProgram("actionlint", "actionlint", "github.com/rhysd/actionlint/cmd/actionlint");
}

/** A Python with oras-py. */
export function orasPython(): Dependency {
  return pythonPackages("oras-py");
}

/** A Python with the schemas of Kubernetes. The virtual environment of this Python also contains kubectl. */
export function kubernetesPython(): Dependency {
  return pythonPackages("kubernetes");
}

/** The definition (CRD) of JobSet. */
export function jobSetDefinition(): Dependency {
  const file = "config/components/crd/bases/jobset.x-k8s.io_jobsets.yaml";
  return goModuleFile("jobset/jobsets.yaml", "jobset", "sigs.k8s.io/jobset", file);
}
