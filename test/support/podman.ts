import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../../scripts/debian.ts";
import { type Ended, run, runTool } from "./tools.ts";

const NEEDED = ["podman", "runc", "busybox"];

const MISSING = NEEDED.filter((name) => findProgram(name) === undefined);

/** Why no pod can be run here; false where one can. */
export const PODMAN_SKIP: string | false =
  MISSING.length > 0
    ? `${MISSING.join(", ")} not installed`
    : spawnSync("unshare", ["-m", "true"]).status !== 0 && "no leave to mount";

/** What podman needs where nobody has set it up, as in a container: no systemd, runc, a storage of its own. */
const CONTAINERS_CONF = `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
`;

/** A podman with everything in a folder of its own. */
export class Podman {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    const storage = `[storage]\ndriver = "overlay"\ngraphroot = "${folder}/graph"\nrunroot = "${folder}/run"\n`;
    writeFileSync(join(folder, "containers.conf"), CONTAINERS_CONF);
    writeFileSync(join(folder, "storage.conf"), storage);
    this.#env = {
      PATH: process.env.PATH,
      HOME: folder,
      CONTAINERS_CONF: join(folder, "containers.conf"),
      CONTAINERS_STORAGE_CONF: join(folder, "storage.conf"),
    };
  }

  /** Runs a command of podman. Throws with what it said where it fails. */
  async run(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr }: Ended = await run("podman", args, { cwd: this.#folder, env: this.#env });
    if (code !== 0) throw new Error(`podman ${args.join(" ")} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** Builds an image that holds busybox and, in /tools, what `launcher --install` puts there; nothing else. */
  async buildImage(name: string): Promise<void> {
    const context = join(this.#folder, "context");
    mkdirSync(join(context, "bin"), { recursive: true });
    mkdirSync(join(context, "mnt", "oras"), { recursive: true });
    chmodSync(join(context, "mnt", "oras"), 0o1777);
    copyFileSync(findProgram("busybox") as string, join(context, "bin", "busybox"));
    for (const applet of ["sh", "tail", "sleep"]) symlinkSync("busybox", join(context, "bin", applet));
    const { code, stderr } = await runTool("launcher", ["--install", join(context, "tools"), "--mounted-at", "/tools"]);
    if (code !== 0) throw new Error(stderr);
    writeFileSync(join(context, "Containerfile"), "FROM scratch\nCOPY bin /bin\nCOPY tools /tools\nCOPY mnt /mnt\n");
    await this.run("build", "-q", "-t", name, context);
  }

  /** Starts the pod of a manifest; gives how to end it. */
  async play(manifest: object): Promise<() => Promise<void>> {
    const file = join(this.#folder, "pod.json");
    writeFileSync(file, JSON.stringify(manifest));
    await this.run("kube", "play", "--network", "host", file);
    return async () => void (await this.run("kube", "down", file));
  }

  /** Ends and removes all that this podman started and stored. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("system", "reset", "--force");
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
}
