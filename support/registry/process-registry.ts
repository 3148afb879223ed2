import type { ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Running, start } from "../tools.ts";

/** A running registry of its own process. */
export interface ProcessRegistry {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  close(): Promise<void>;
}

/** Starts Debian's `docker-registry` (distribution) on a free port of the loopback interface, with its data in a folder. */
export async function startDistribution(
  program: string,
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<ProcessRegistry> {
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "config.yml");
  writeFileSync(config, "version: 0.1\nstorage: {filesystem: {}}\n");
  const address = `127.0.0.1:${await freePort()}`;
  const env = {
    PATH: process.env.PATH ?? "",
    REGISTRY_HTTP_ADDR: address,
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: join(folder, "data"),
    REGISTRY_STORAGE_DELETE_ENABLED: "true",
    REGISTRY_LOG_LEVEL: "error",
    OTEL_TRACES_EXPORTER: "none",
    ...environment,
  };
  return running(address, start(program, ["serve", config], { env, stdio: "ignore" }));
}

/** Starts the registry of go-containerregistry, which keeps everything in memory, on a free port of the loopback interface. */
export async function startContainerRegistry(program: string): Promise<ProcessRegistry> {
  const port = await freePort();
  return running(`127.0.0.1:${port}`, start(program, ["-port", String(port)], { env: {}, stdio: "ignore" }));
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The registry of a process, once it answers. */
async function running(address: string, { child }: Running): Promise<ProcessRegistry> {
  await answers(address, child);
  return { address, close: () => end(child) };
}

async function answers(address: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`the registry ended with ${child.exitCode}`);
    try {
      await fetch(`http://${address}/v2/`);
      return;
    } catch {
      await sleep(25);
    }
  }
  throw new Error("the registry does not answer");
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
