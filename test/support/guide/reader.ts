import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "../../../support/cluster/cluster.ts";
import { INSIDE } from "../../../support/cluster/settings.ts";
import { DIST } from "../../../support/paths.ts";
import { MANIFESTS } from "../kubernetes.ts";
import { changedText, exceptionsOf, FILE_CHANGES, runnableScript } from "./exceptions.ts";
import { hasShape } from "./shape.ts";
import type { Step } from "./steps.ts";
import { Terminal, untilOutput } from "./terminal.ts";

/** A command that runs until the reader presses Ctrl-C. */
const ENDLESS = /\bkubectl port-forward\b|\bkubectl .*--(?:watch|follow)\b/;

/** The time limit of a step, in seconds. */
const TIMEOUT = 180;

/**
 * A reader of the guide, who types the guide's commands in a copy of the repository. The copy is necessary because the
 * commands write files. The commands run on the node of a cluster, because on this node no other process uses the port
 * of the registry.
 */
export class Reader {
  readonly #cluster: Cluster;
  /** The folder of the reader's files. This folder is removed when the cluster stops. */
  readonly #folder: string;
  /** The terminals in which a command runs until the reader presses Ctrl-C. */
  readonly #busy: Terminal[] = [];
  #terminal: Terminal;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#folder = join(cluster.folder, "reader");
    for (const name of ["home/.kube", "tmp"]) mkdirSync(join(this.#folder, name), { recursive: true });
    cpSync(join(cluster.folder, "admin.conf"), join(this.#folder, "home/.kube/config"));
    copyRepository(this.repository);
    this.#terminal = this.#openTerminal();
  }

  /** The folder of the reader's clone. */
  get repository(): string {
    return join(this.#folder, "repository");
  }

  /**
   * Follows a step of the guide, and returns the output of its commands. Throws if a command fails. If a command runs
   * until Ctrl-C, the reader waits until the output matches the guide, and then opens another terminal.
   */
  async follow(step: Step): Promise<string> {
    for (const { instead } of exceptionsOf(step)) await instead?.(this.#cluster);
    const script = runnableScript(step);
    if (script === "") return "";
    const typed = this.#terminal.type(script);
    if (ENDLESS.test(script)) {
      if (step.output === undefined) throw new Error(`the guide shows no output of ${script}`);
      await untilOutput(typed, (output) => hasShape(output, step.output), TIMEOUT);
      this.#busy.push(this.#terminal);
      this.#terminal = this.#openTerminal();
    } else await withLimit(typed.ended, () => `the commands do not end:\n${typed.output()}`);
    return typed.output();
  }

  /** Presses Ctrl-C in each terminal in which a command still runs. */
  async interruptAll(): Promise<void> {
    for (const terminal of this.#busy.splice(0)) await terminal.interrupt();
  }

  /** Closes all terminals. */
  async close(): Promise<void> {
    for (const terminal of [...this.#busy, this.#terminal]) await terminal.close();
  }

  #openTerminal(): Terminal {
    const variables = { HOME: join(this.#folder, "home"), TMPDIR: join(this.#folder, "tmp"), LANG: "C.UTF-8" };
    return new Terminal({
      cwd: this.repository,
      env: { ...variables, PATH: `${INSIDE.programs}:${process.env.PATH}` },
      folder: join(this.#folder, `terminal-${this.#busy.length}`),
      wrap: (command) => this.#cluster.node.inside(command),
    });
  }
}

/** Copies those parts of the repository that the guide's commands use. Applies the changes for the test to the copy. */
function copyRepository(folder: string): void {
  const manifests = join(folder, "images", "manifests");
  cpSync(MANIFESTS, manifests, { recursive: true, filter: (path) => path !== join(MANIFESTS, "overlays", "mine") });
  for (const change of FILE_CHANGES) {
    const file = join(manifests, change.file);
    writeFileSync(file, changedText(readFileSync(file, "utf8"), change));
  }
  symlinkSync(DIST, join(folder, "dist"));
}

/** Returns the result of a promise. Rejects if the promise is not settled within {@link TIMEOUT} seconds. */
async function withLimit<T>(promise: Promise<T>, message: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message())), TIMEOUT * 1000);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
