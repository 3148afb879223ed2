import type { ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunningProcess, start } from "../tools.ts";
import { listen } from "./server.ts";

/** A registry in its own process. */
export interface ProcessRegistry {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  close(): Promise<void>;
}

/** Starts `docker-registry` (distribution) on a free port of the loopback interface, with its data in `folder`. */
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
  return untilReady(address, start(program, ["serve", config], { env, stdio: "ignore" }));
}

/** Starts the in-memory registry of go-containerregistry on a free port of the loopback interface. */
export async function startContainerRegistry(program: string): Promise<ProcessRegistry> {
  const port = await freePort();
  return untilReady(`127.0.0.1:${port}`, start(program, ["-port", String(port)], { env: {}, stdio: "ignore" }));
}

/** A port of the loopback interface on which no process listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const address = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return Number(address.split(":")[1]);
}

/** Waits until the registry of a process responds. */
async function untilReady(address: string, { child }: RunningProcess): Promise<ProcessRegistry> {
  await untilResponse(address, child);
  return { address, close: () => kill(child) };
}

async function untilResponse(address: string, child: ChildProcess): Promise<void> {
  for (let attempts = 0; attempts < 200; attempts++) {
    if (child.exitCode !== null) throw new Error(`the registry exited with ${child.exitCode}`);
    try {
      await fetch(`http://${address}/v2/`);
      return;
    } catch {
      await sleep(25);
    }
  }
  throw new Error("the registry does not respond");
}

function kill(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
