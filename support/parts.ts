import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ensureProgram, aptInstallPackages, canInstall, findProgram } from "./debian.ts";
import { CACHE, ROOT } from "./paths.ts";

/** A part that tests and the demo use where the machine has it: its path, or why it is not there. */
export type Part = { readonly path: string } | MissingPart;

/** A part that is not there. */
export interface MissingPart {
  /** Its name, and why. */
  readonly missing: string;
  /** Nothing that a run of the tests does would bring it; false by default. */
  readonly unavoidable?: boolean;
}

const CLIENTS = join(ROOT, "support", "clients");

/** Debian's `docker-registry` (distribution), installed where that is possible. */
export function distributionRegistry(): Part {
  return debianProgram("docker-registry", ["docker-registry"]);
}

/** A program of a Debian package, installed where that is possible. */
export function debianProgram(program: string, packages: readonly string[]): Part {
  try {
    ensureProgram(program, packages);
    return { path: findProgram(program) as string };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}

/** The real `oras` command line, built once from the sources that `support/clients/oras-1.3/go.sum` pins. */
export function orasClient(): Part {
  return goProgram("oras", "oras-1.3", "oras.land/oras/cmd/oras");
}

/** The `oras` command line in an earlier version, as `1.2`. */
export function olderOrasClient(version: "1.1" | "1.2"): Part {
  return goProgram(`oras-${version}`, `oras-${version}`, "oras.land/oras/cmd/oras");
}

/** The registry of distribution, version 3, which Debian does not have. */
export function newerDistributionRegistry(): Part {
  return goProgram("distribution-3", "distribution-3", "github.com/distribution/distribution/v3/cmd/registry");
}

/** The registry of go-containerregistry, in memory: neither distribution's code nor built on it. */
export function containerRegistry(): Part {
  return goProgram(
    "go-containerregistry",
    "go-containerregistry",
    "github.com/google/go-containerregistry/cmd/registry",
  );
}

/**
 * zot, a registry that the tests should run against too: what its sources need of Go's module proxy is refused there, so
 * that it can't be built. The in-process registry answers as zot is documented to, and stands in for it.
 */
export const ZOT: MissingPart = {
  missing: "zot: the Go module proxy does not give its sources; the in-process registry answers as zot does",
  unavoidable: true,
};

/** The Python with oras-py in it, at the versions and hashes that `support/clients/oras-py/requirements.txt` pins. */
export function orasPython(): Part {
  return pythonPackages("oras-py");
}

/** The Python with Kubernetes' schemas in it, and kubectl beside it; pinned in the same way. */
export function kubernetesPython(): Part {
  return pythonPackages("kubernetes");
}

/** The definition (CRD) of JobSet, from the sources that `support/clients/jobset/go.sum` pins. */
export function jobSetDefinition(): Part {
  const go = findProgram("go");
  if (go === undefined) return withoutGo("JobSet's definition");
  const path = join(CACHE, "jobset", "jobsets.yaml");
  const options = { cwd: join(CLIENTS, "jobset"), env: goEnvironment() };
  try {
    const answer = execFileSync(go, ["mod", "download", "-json", "sigs.k8s.io/jobset"], options).toString();
    const { Dir: folder } = JSON.parse(answer) as { readonly Dir: string };
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(join(folder, "config/components/crd/bases/jobset.x-k8s.io_jobsets.yaml"), path);
  } catch (error) {
    return { missing: `JobSet's definition: ${(error as Error).message}` };
  }
  return { path };
}

/** A Python with packages of its own, at the versions and hashes that a folder of `support/clients` pins. */
function pythonPackages(name: string): Part {
  const requirements = join(CLIENTS, name, "requirements.txt");
  const folder = join(CACHE, name);
  const path = join(folder, "bin", "python");
  // The copy beside it is written last, and tells whether what is there is whole and of today.
  const pinned = readFileSync(requirements);
  const installed = join(folder, "requirements.txt");
  if (existsSync(installed) && readFileSync(installed).equals(pinned)) return { path };
  try {
    ensureProgram("python3", ["python3"]);
    if (canInstall() && !hasVenv()) aptInstallPackages(["python3-venv"]);
    console.error(`installing ${name}`);
    execFileSync("python3", ["-m", "venv", "--clear", folder], { stdio: ["ignore", 2, 2] });
    const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"];
    execFileSync(path, [...args, "-r", requirements], { stdio: ["ignore", 2, 2] });
    writeFileSync(installed, pinned);
    return { path };
  } catch (error) {
    return { missing: `${name}: ${(error as Error).message}` };
  }
}

/** Whether Python can make a folder with packages of its own; Debian has that in a package apart. */
function hasVenv(): boolean {
  return spawnSync("python3", ["-c", "import ensurepip"], { stdio: "ignore" }).status === 0;
}

function withoutGo(name: string): MissingPart {
  return { missing: `${name}: it comes with Go, which is not on this machine`, unavoidable: true };
}

/** A program that is built once, from the sources that the `go.sum` in a folder of `support/clients` pins. */
function goProgram(name: string, folder: string, source: string): Part {
  const path = join(CACHE, "bin", name);
  if (existsSync(path)) return { path };
  const go = findProgram("go");
  if (go === undefined) return withoutGo(name);
  mkdirSync(join(CACHE, "bin"), { recursive: true });
  console.error(`building ${name}`);
  try {
    execFileSync(go, ["build", "-trimpath", "-o", path, source], {
      cwd: join(CLIENTS, folder),
      env: goEnvironment(),
      stdio: ["ignore", 2, 2],
    });
  } catch (error) {
    return { missing: `${name}: ${(error as Error).message}` };
  }
  return { path };
}

/** Go's own caches are kept here, and what is not pinned is not fetched. */
function goEnvironment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    GOPATH: join(CACHE, "go"),
    GOCACHE: join(CACHE, "go-build"),
    GOFLAGS: "-mod=readonly -modcacherw",
  };
}
