import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { isLocalRegistry } from "oras-push/oci/reference";
import { canInstall, findProgram } from "../../support/debian.ts";
import { distributionRegistry } from "../../support/dependencies.ts";
import { startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { freePort, startDistribution } from "../../support/registry/process-registry.ts";

/** A registry for the demo. */
export interface DemoRegistry {
  /** Host and port. */
  readonly address: string;
  /** A short description of this registry. The demo prints the description. */
  readonly kind: string;
  close(): Promise<void>;
}

/**
 * Finds or starts a registry. Tries in this order: `$ORAS_REGISTRY`, `docker-registry` on PATH, a registry image that
 * podman or docker already has, the Debian package `docker-registry` (only if this process is root on Debian), and the
 * in-process registry of the tests. Only a `docker-registry` process keeps its data in `folder`.
 */
export async function findRegistry(folder: string): Promise<DemoRegistry> {
  const isInstalled = findProgram("docker-registry") !== undefined;
  return (
    (await registryFromEnvironment()) ??
    (isInstalled ? undefined : await startContainer()) ??
    (isInstalled || canInstall() ? await startDebianRegistry(folder) : undefined) ??
    (await startInProcess())
  );
}

async function registryFromEnvironment(): Promise<DemoRegistry | undefined> {
  const address = process.env.ORAS_REGISTRY;
  if (!address) return undefined;
  if (!(await answers(address))) throw new Error(`the registry in ORAS_REGISTRY does not answer: ${address}`);
  return { address, kind: "from ORAS_REGISTRY", close: async () => {} };
}

async function startDebianRegistry(folder: string): Promise<DemoRegistry | undefined> {
  const program = distributionRegistry();
  if ("missing" in program) return undefined;
  return { ...(await startDistribution(program.path, folder)), kind: `distribution, ${program.path}` };
}

async function startInProcess(): Promise<DemoRegistry> {
  const registry = await startMemoryRegistry();
  const kind = "the in-process registry of the tests, because this machine has no other";
  return { address: registry.address, kind, close: () => registry.close() };
}

/**
 * Runs a registry image that podman or docker already has. Returns undefined if there is no such image, or if no
 * container of such an image answers.
 */
async function startContainer(): Promise<DemoRegistry | undefined> {
  for (const engine of ["podman", "docker"]) {
    const image = findRegistryImage(engine);
    if (image === undefined) continue;
    try {
      const registry = await runImage(engine, image);
      if (await answers(registry.address)) return registry;
      await registry.close();
    } catch (error) {
      console.error(`${engine} cannot run ${image}: ${(error as Error).message.split("\n")[0]}`);
    }
  }
  return undefined;
}

async function runImage(engine: string, image: string): Promise<DemoRegistry> {
  const address = `127.0.0.1:${await freePort()}`;
  const args = ["run", "--rm", "-d", "-p", `${address}:5000`, image];
  const id = execFileSync(engine, args, { encoding: "utf8" }).trim();
  const close = async () => void execFileSync(engine, ["stop", "-t", "1", id], { stdio: "ignore" });
  return { address, kind: `${image} in ${engine}`, close };
}

function findRegistryImage(engine: string): string | undefined {
  if (findProgram(engine) === undefined) return undefined;
  try {
    const args = ["images", "--format", "{{.Repository}}:{{.Tag}}"];
    const images = execFileSync(engine, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return images.split("\n").find((name) => /(^|\/)registry:/.test(name));
  } catch {
    return undefined;
  }
}

/** Returns whether a registry answers within ten seconds. */
async function answers(address: string): Promise<boolean> {
  const scheme = isLocalRegistry(address) ? "http" : "https";
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      await fetch(`${scheme}://${address}/v2/`);
      return true;
    } catch {
      await sleep(100);
    }
  }
  return false;
}
