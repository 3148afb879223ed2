import type { ChildProcess } from "node:child_process";
import { systemCode, ToolError } from "shared/cli/tool-error";
import type { Credential } from "./credentials.ts";

/** How a helper is called. */
export interface HelperOptions {
  /** Its environment, and where it is searched for. */
  readonly env: NodeJS.ProcessEnv;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that it may take; half a minute by default. */
  readonly timeout?: number;
}

const DEFAULT_TIMEOUT = 30_000;

/**
 * Asks a credential helper by docker's protocol: the key on the stdin of `docker-credential-HELPER get`, JSON on its stdout.
 * Gives undefined where it has none. Throws `notAuthorised`, naming it, where it fails or does not answer in time.
 */
export async function askHelper(helper: string, key: string, options: HelperOptions): Promise<Credential | undefined> {
  const program = `docker-credential-${helper}`;
  const fail = (why: string) => new ToolError("notAuthorised", `the credential helper ${program} failed`, { why });
  const answer = await outcome(program, key, options);
  if (answer.code !== 0 && /not found/i.test(answer.stdout)) return undefined;
  if (answer.code === "ENOENT") throw fail("not found on PATH");
  if (answer.code === "timeout") throw fail("it did not answer in time");
  if (answer.code !== 0) throw fail(`it ended with ${answer.code}`);
  const { Username, Secret } = parseAnswer(answer.stdout) ?? {};
  if (Username === undefined && Secret === undefined) throw fail("its answer is not JSON with Username and Secret");
  if (!Secret) return undefined;
  return Username === "<token>"
    ? { kind: "refresh", token: Secret }
    : { kind: "basic", username: Username ?? "", password: Secret };
}

function parseAnswer(text: string): { Username?: string; Secret?: string } | undefined {
  try {
    return JSON.parse(text) as { Username?: string; Secret?: string };
  } catch {
    return undefined;
  }
}

/** How a helper ended: its exit code, its signal, or why it was not run to its end. */
interface Outcome {
  readonly code: number | string;
  readonly stdout: string;
}

async function outcome(
  program: string,
  key: string,
  { env, signal, timeout = DEFAULT_TIMEOUT }: HelperOptions,
): Promise<Outcome> {
  // Loaded for those who have a helper.
  const { spawn } = await import("node:child_process");
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    // A group of its own: a helper is often a script, and what it started would outlive it and hold its stdout.
    const child = spawn(program, ["get"], { env, detached: true, stdio: ["pipe", "pipe", "ignore"] });
    let stdout = "";
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", interrupt);
      settle();
    };
    const giveUp = (settle: () => void) => {
      endGroup(child);
      finish(settle);
    };
    const interrupt = () => giveUp(() => reject(signal?.reason));
    const timer = setTimeout(() => giveUp(() => resolve({ code: "timeout", stdout: "" })), timeout);
    signal?.addEventListener("abort", interrupt, { once: true });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.once("error", (error) => finish(() => resolve({ code: systemCode(error) ?? error.message, stdout: "" })));
    child.once("close", (code, ended) => finish(() => resolve({ code: code ?? ended ?? "nothing", stdout })));
    child.stdin.on("error", () => {
      // The helper ended without reading; how it ended says more.
    });
    child.stdin.end(key);
  });
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}
