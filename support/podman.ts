import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { debianProgram } from "./dependencies.ts";
import type { Dependency } from "./dependency.ts";
import { CACHE } from "./paths.ts";

/** The folder of the {@link Podman} that builds and keeps this project's images. */
export const IMAGE_STORE: string = join(CACHE, "podman");

/** podman, with everything that it needs to run pods. Installs the packages if possible. */
export function podmanProgram(): Dependency {
  return debianProgram("podman", ["podman", "runc", "catatonit", "netavark", "aardvark-dns", "iptables"]);
}

/** How a container exited. */
export interface ContainerExit {
  readonly exitCode: number;
  /** When it exited, in milliseconds since 1970. */
  readonly at: number;
}

/** A podman that keeps its configuration, images and containers in its own folder. */
export class Podman {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  /** `stores` are the folders of other {@link Podman} objects. This podman can also use their images. */
  constructor(folder: string, stores: readonly string[] = []) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    const [containers, storage] = [join(folder, "containers.conf"), join(folder, "storage.conf")];
    writeFileSync(containers, containersConf(folder));
    writeFileSync(storage, storageConf(folder, stores));
    this.#env = {
      PATH: process.env.PATH,
      HOME: folder,
      CONTAINERS_CONF: containers,
      CONTAINERS_STORAGE_CONF: storage,
    };
  }

  /** The environment in which podman and buildah use this folder. */
  get environment(): NodeJS.ProcessEnv {
    return this.#env;
  }

  /** Runs a podman command and returns its stdout. If the command fails, throws an error with its stderr. */
  async run(...args: readonly string[]): Promise<string> {
    return (await this.#execute(...args)).stdout;
  }

  /**
   * Runs a podman command and returns its stdout, followed by its stderr. If the command fails, throws an error with
   * its stderr.
   */
  async runCombined(...args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await this.#execute(...args);
    return `${stdout}${stderr}`;
  }

  async #execute(...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
    const options = { cwd: this.#folder, env: this.#env, maxBuffer: 2 ** 28 };
    try {
      return await promisify(execFile)("podman", args, options);
    } catch (error) {
      const { code, stderr } = error as { code?: unknown; stderr?: string };
      throw new Error(`podman ${args.join(" ")} exited with ${code}: ${stderr}`);
    }
  }

  /**
   * Starts the pod of a manifest in a network. Returns a function that stops the pod, but keeps the files of the pod's
   * volumes.
   */
  async play(
    manifest: { readonly metadata: { readonly name: string } },
    network = "host",
  ): Promise<() => Promise<void>> {
    const file = join(this.#folder, `${manifest.metadata.name}.json`);
    writeFileSync(file, JSON.stringify(manifest));
    await this.run("kube", "play", "--network", network, file);
    return async () => void (await this.run("kube", "down", file));
  }

  /** Waits until a container exits. */
  async waitForExit(container: string): Promise<ContainerExit> {
    await this.run("wait", container);
    const [state] = JSON.parse(await this.run("inspect", container)) as {
      State: { ExitCode: number; FinishedAt: string };
    }[];
    if (state === undefined) throw new Error(`cannot inspect ${container}: no such container`);
    return { exitCode: state.State.ExitCode, at: Date.parse(state.State.FinishedAt) };
  }

  /** Stops and removes everything that this podman started and stored. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("system", "reset", "--force");
  }
}

/**
 * Returns the configuration of podman for a machine without a podman setup, such as a container. With this
 * configuration, podman does not use systemd, runs containers with runc, and keeps its networks and its temporary files
 * in `folder`. By default, all podmans of a machine share one folder for temporary files, and a reset of one podman
 * removes this shared folder.
 */
function containersConf(folder: string): string {
  return `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
tmp_dir = "${folder}/tmp"
[network]
network_config_dir = "${folder}/networks"
`;
}

function storageConf(folder: string, stores: readonly string[]): string {
  return `[storage]
driver = "overlay"
graphroot = "${folder}/graph"
runroot = "${folder}/run"
[storage.options]
additionalimagestores = [${stores.map((store) => `"${store}/graph"`)}]
`;
}
