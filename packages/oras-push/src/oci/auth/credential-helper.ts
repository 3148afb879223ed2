import type { ChildProcess, ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { ToolError } from "shared/cli/tool-error";
import { systemCode } from "shared/fs/system-error";
import type { Credential } from "./credential.ts";

/** How to run a credential helper. */
export interface HelperOptions {
  /** The environment of the helper; its PATH is searched for the program. */
  readonly env: NodeJS.ProcessEnv;
  /** A signal that kills the helper. */
  readonly signal?: AbortSignal | undefined;
  /** Timeout in milliseconds; 30 s by default. */
  readonly timeout?: number;
}

const DEFAULT_TIMEOUT = 30_000;

/**
 * Runs a credential helper by docker's protocol: `docker-credential-HELPER get` reads the key from stdin and writes
 * JSON to stdout. Returns undefined if the helper has no credential. Throws `notAuthorized` with its name if it fails
 * or times out.
 */
export async function askHelper(helper: string, key: string, options: HelperOptions): Promise<Credential | undefined> {
  const program = `docker-credential-${helper}`;
  const fail = (why: string) => new ToolError("notAuthorized", `the credential helper ${program} failed`, { why });
  const answer = await outcome(program, key, options);
  if (answer.code !== 0 && /not found/i.test(answer.stdout)) return undefined;
  if (answer.code === "ENOENT") throw fail("not found on PATH");
  if (answer.code === "timeout") throw fail("it timed out");
  if (answer.code !== 0) throw fail(`it exited with ${answer.code}`);
  const { Username, Secret } = parseAnswer(answer.stdout) ?? {};
  if (Username === undefined && Secret === undefined) throw fail("its output is not JSON with Username and Secret");
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

/** The exit code or signal of a helper, or the reason why it did not finish. */
interface Outcome {
  readonly code: number | string;
  readonly stdout: string;
}

async function outcome(
  program: string,
  key: string,
  { env, signal, timeout = DEFAULT_TIMEOUT }: HelperOptions,
): Promise<Outcome> {
  // This module is loaded only if there is a helper.
  const { spawn } = await import("node:child_process");
  signal?.throwIfAborted();
  // The helper gets a separate process group: it is often a script, and its children could outlive it and keep its
  // stdout open.
  const child = spawn(program, ["get"], { env, detached: true, stdio: ["pipe", "pipe", "ignore"] });
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const stop = (settle: () => void) => {
    endGroup(child);
    settle();
  };
  const interrupt = () => stop(() => reject(signal?.reason));
  const timer = setTimeout(() => stop(() => resolve({ code: "timeout", stdout: "" })), timeout);
  signal?.addEventListener("abort", interrupt, { once: true });
  readOutcome(child, resolve);
  child.stdin.on("error", () => {
    // The helper exited without reading the key. Its exit code is a more precise error.
  });
  child.stdin.end(key);
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", interrupt);
  });
}

function readOutcome(child: ChildProcessByStdio<Writable, Readable, null>, done: (outcome: Outcome) => void): void {
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.once("error", (error) => done({ code: systemCode(error) ?? error.message, stdout: "" }));
  child.once("close", (code, signal) => done({ code: code ?? signal ?? "nothing", stdout }));
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // The whole group has ended.
  }
}
