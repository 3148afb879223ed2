import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Where the commands of a terminal run. */
export interface TerminalPlan {
  /** The folder of the shell. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** The folder for the terminal's own files. The terminal creates this folder. */
  readonly folder: string;
  /** Returns the arguments that run `command` on the machine of the terminal. */
  readonly wrap: (command: readonly string[]) => readonly string[];
}

/** Commands that were typed into a terminal. */
export interface TypedCommands {
  /** The stdout and stderr until now. */
  output(): string;
  /** Resolves when all commands have succeeded. Rejects as soon as a command fails. */
  readonly ended: Promise<void>;
}

/**
 * A shell that runs commands one after the other, as in a terminal. The shell keeps its working directory, variables
 * and background processes from one command to the next. In contrast to a terminal, the shell exits after the first
 * command that fails.
 */
export class Terminal {
  readonly #plan: TerminalPlan;
  readonly #shell: ChildProcess;
  readonly #closed: Promise<string>;
  #count = 0;

  constructor(plan: TerminalPlan) {
    this.#plan = plan;
    mkdirSync(plan.folder, { recursive: true });
    const [program = "", ...args] = plan.wrap(["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"]);
    // The processes of the terminal form a process group. This group receives the signals of the keyboard.
    this.#shell = spawn(program, args, { cwd: "/", env: plan.env, detached: true, stdio: ["pipe", "pipe", "ignore"] });
    this.#closed = new Promise((resolve, reject) => {
      this.#shell.once("error", reject);
      this.#shell.once("close", (code, signal) => resolve(code === null ? `by ${signal}` : `with ${code}`));
    });
    // If the shell has ended, writing to it causes an error. This error needs no handling, because `ended` reports the
    // end of the shell.
    this.#shell.stdin?.on("error", () => {});
    this.#shell.stdin?.write(`cd '${plan.cwd}'\n`);
  }

  /** Types commands. The earlier commands of this terminal must have ended. */
  type(script: string): TypedCommands {
    const [file, log] = ["sh", "log"].map((type) => join(this.#plan.folder, `${this.#count}.${type}`)) as [
      string,
      string,
    ];
    this.#count++;
    writeFileSync(file, `${script}\n`);
    writeFileSync(log, "");
    this.#shell.stdin?.write(`source '${file}' > '${log}' 2>&1 < /dev/null\necho\n`);
    const output = () => readFileSync(log, "utf8");
    const succeeded = new Promise<void>((resolve) => this.#shell.stdout?.once("data", () => resolve()));
    const failed = this.#closed.then((end) => {
      throw new Error(`the shell ended ${end}:\n${output()}`);
    });
    return { output, ended: Promise.race([succeeded, failed]) };
  }

  /** Presses Ctrl-C while a command runs. Resolves when the command and the shell have ended. */
  async interrupt(): Promise<void> {
    this.#shell.stdin?.end();
    await this.#end("SIGINT");
  }

  /** Kills the shell, and the commands that run in its foreground. */
  async close(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const hasEnded = this.#shell.exitCode !== null || this.#shell.signalCode !== null;
    if (!hasEnded) process.kill(-(this.#shell.pid as number), signal);
    await this.#closed;
  }
}

/**
 * Waits until `isWanted` accepts the output of the commands. Throws if the commands end first, or if the wait takes
 * longer than `seconds` seconds. The error contains the output.
 */
export async function untilOutput(
  { output, ended }: TypedCommands,
  isWanted: (output: string) => boolean,
  seconds: number,
): Promise<void> {
  let hasEnded = false;
  const watched = ended.finally(() => {
    hasEnded = true;
  });
  watched.catch(() => {});
  const end = Date.now() + seconds * 1000;
  while (!isWanted(output())) {
    if (hasEnded) await watched;
    if (hasEnded || Date.now() > end)
      throw new Error(`unexpected output after ${seconds} s or at the end:\n${output()}`);
    await sleep(100);
  }
}
