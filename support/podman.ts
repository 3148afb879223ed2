import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { debianProgram, type Part } from "./parts.ts";
import { CACHE } from "./paths.ts";

/** Where the images of this project are built and kept. */
export const IMAGE_STORE: string = join(CACHE, "podman");

/** What podman needs where nobody has set it up, as in a container: no systemd, runc, storage and networks of its own. */
const containersConf = (folder: string) => `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_config_dir = "${folder}/networks"
`;

/** podman with what it needs to run pods, installed where that is possible. */
export function podmanProgram(): Part {
  return debianProgram("podman", ["podman", "runc", "catatonit", "netavark", "aardvark-dns", "iptables"]);
}

/** A podman with everything in a folder of its own. */
export class Podman {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  /** `stores` are folders of other such podmans, whose images can be used here too. */
  constructor(folder: string, stores: readonly string[] = []) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    const storage = [
      "[storage]",
      'driver = "overlay"',
      `graphroot = "${folder}/graph"`,
      `runroot = "${folder}/run"`,
      "[storage.options]",
      `additionalimagestores = [${stores.map((store) => `"${store}/graph"`)}]`,
    ];
    writeFileSync(join(folder, "containers.conf"), containersConf(folder));
    writeFileSync(join(folder, "storage.conf"), `${storage.join("\n")}\n`);
    this.#env = {
      PATH: process.env.PATH,
      HOME: folder,
      CONTAINERS_CONF: join(folder, "containers.conf"),
      CONTAINERS_STORAGE_CONF: join(folder, "storage.conf"),
    };
  }

  /** Runs a command of podman; gives its stdout. Throws with what it said where it fails. */
  async run(...args: readonly string[]): Promise<string> {
    return (await this.#execute(...args)).stdout;
  }

  /** Runs a command of podman; gives what it wrote to stdout and stderr, one after the other. Throws as `run` does. */
  async said(...args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await this.#execute(...args);
    return `${stdout}${stderr}`;
  }

  async #execute(...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
    const options = { cwd: this.#folder, env: this.#env, maxBuffer: 2 ** 28 };
    try {
      return await promisify(execFile)("podman", args, options);
    } catch (error) {
      const { code, stderr } = error as { code?: unknown; stderr?: string };
      throw new Error(`podman ${args.join(" ")} ended with ${code}: ${stderr}`);
    }
  }

  /** Starts the pod of a manifest, in a network; gives how to end it. What was on its volumes stays. */
  async play(
    manifest: { readonly metadata: { readonly name: string } },
    network = "host",
  ): Promise<() => Promise<void>> {
    const file = join(this.#folder, `${manifest.metadata.name}.json`);
    writeFileSync(file, JSON.stringify(manifest));
    await this.run("kube", "play", "--network", network, file);
    return async () => void (await this.run("kube", "down", file));
  }

  /** Waits until a container has ended; gives its exit code and when it ended, in milliseconds since 1970. */
  async ended(container: string): Promise<{ readonly exitCode: number; readonly at: number }> {
    await this.run("wait", container);
    const [state] = JSON.parse(await this.run("inspect", container)) as {
      State: { ExitCode: number; FinishedAt: string };
    }[];
    if (state === undefined) throw new Error(`${container} is gone`);
    return { exitCode: state.State.ExitCode, at: Date.parse(state.State.FinishedAt) };
  }

  /** Ends and removes all that this podman started and stored. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("system", "reset", "--force");
  }
}
