import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { isLocalRegistry } from "oras-push/oci/reference";
import { canInstall, findProgram } from "../support/debian.ts";
import { distributionRegistry } from "../support/parts.ts";
import { startMemoryRegistry } from "../support/registry/memory-registry.ts";
import { freePort, startDistribution } from "../support/registry/process-registry.ts";

/** A registry for the demo. */
export interface DemoRegistry {
  /** Host and port. */
  readonly address: string;
  /** What it is, in a few words. */
  readonly kind: string;
  close(): Promise<void>;
}

/**
 * Finds a registry: `$ORAS_REGISTRY`; `docker-registry` on PATH; podman or docker with an image of one; as root on Debian
 * the package; else the in-process one of the tests. `folder` is for its data.
 */
export async function findRegistry(folder: string): Promise<DemoRegistry> {
  const given = process.env.ORAS_REGISTRY;
  if (given) {
    if (!(await answers(given))) throw new Error(`the registry ${given}, which ORAS_REGISTRY names, does not answer`);
    return { address: given, kind: "the one that ORAS_REGISTRY names", close: async () => {} };
  }
  const contained = findProgram("docker-registry") === undefined ? await startContainer() : undefined;
  if (contained !== undefined) return contained;
  const part = findProgram("docker-registry") !== undefined || canInstall() ? distributionRegistry() : undefined;
  if (part !== undefined && "path" in part)
    return { ...(await startDistribution(part.path, folder)), kind: `distribution, ${part.path}` };
  const registry = await startMemoryRegistry();
  const kind = "the one of our tests, in this process, for there is no other on this machine";
  return { address: registry.address, kind, close: () => registry.close() };
}

/** Runs an image of a registry that podman or docker has already; undefined where there is none. */
async function startContainer(): Promise<DemoRegistry | undefined> {
  for (const engine of ["podman", "docker"]) {
    const image = registryImage(engine);
    if (image === undefined) continue;
    const address = `127.0.0.1:${await freePort()}`;
    try {
      const id = execFileSync(engine, ["run", "--rm", "-d", "-p", `${address}:5000`, image], {
        encoding: "utf8",
      }).trim();
      const close = async () => void execFileSync(engine, ["stop", "-t", "1", id], { stdio: "ignore" });
      if (await answers(address)) return { address, kind: `${image} in ${engine}`, close };
      await close();
    } catch (error) {
      console.error(`${engine} cannot run ${image}: ${(error as Error).message.split("\n")[0]}`);
    }
  }
  return undefined;
}

function registryImage(engine: string): string | undefined {
  if (findProgram(engine) === undefined) return undefined;
  try {
    const args = ["images", "--format", "{{.Repository}}:{{.Tag}}"];
    const images = execFileSync(engine, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return images.split("\n").find((name) => /(^|\/)registry:/.test(name));
  } catch {
    return undefined;
  }
}

/** Whether a registry answers within ten seconds. */
async function answers(address: string): Promise<boolean> {
  const scheme = isLocalRegistry(address) ? "http" : "https";
  for (let tries = 0; tries < 100; tries++) {
    try {
      await fetch(`${scheme}://${address}/v2/`);
      return true;
    } catch {
      await sleep(100);
    }
  }
  return false;
}
