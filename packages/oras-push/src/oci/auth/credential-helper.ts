import type { ChildProcess, ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { oneLine, ToolError } from "shared/cli/tool-error";
import { systemCode } from "shared/fs/system-error";
import type { Credential } from "./credential.ts";

/** How to run a credential helper. */
export interface HelperOptions {
  /** The environment of the helper. The helper's program must be on the PATH of this environment. */
  readonly env: NodeJS.ProcessEnv;
  /** A signal that kills the helper. */
  readonly signal?: AbortSignal | undefined;
  /** The timeout in milliseconds. The default is 30,000. */
  readonly timeout?: number;
}

const DEFAULT_TIMEOUT = 30_000;

/** The maximum number of bytes to keep from a helper's stderr. */
const MAX_STDERR = 4096;

/** The maximum number of characters to show from a helper's stderr. */
const MAX_WORDS = 300;

/**
 * The maximum time to wait until the stderr of an exited helper closes, in milliseconds. Child processes of the helper
 * may keep stderr open.
 */
const STDERR_TIME = 100;

/**
 * Runs a credential helper with docker's protocol: `docker-credential-HELPER get` reads the key from stdin and writes
 * JSON to stdout. Returns undefined if the helper has no credential. Throws `notAuthorized` if the helper fails or
 * times out. The error contains the name and the stderr of the helper.
 */
export async function askHelper(helper: string, key: string, options: HelperOptions): Promise<Credential | undefined> {
  const program = `docker-credential-${helper}`;
  const answer = await outcome(program, key, options);
  const { Username, Secret } = parseAnswer(answer.stdout) ?? {};
  const fail = (why: string) =>
    new ToolError("notAuthorized", `the credential helper ${program} failed`, {
      why: [why, shownStderr(answer.stderr, Secret)].filter(Boolean).join(": "),
    });
  if (answer.code !== 0 && /not found/i.test(answer.stdout)) return undefined;
  if (answer.code === "ENOENT") throw fail("not found on PATH");
  if (answer.code === "timeout") throw fail("it timed out");
  if (answer.code !== 0) throw fail(`it exited with ${answer.code}`);
  if (Username === undefined && Secret === undefined) throw fail("its output is not JSON with Username and Secret");
  if (!Secret) return undefined;
  return Username === "<token>"
    ? { kind: "refresh", token: Secret }
    : { kind: "basic", username: Username ?? "", password: Secret };
}

function parseAnswer(text: string): { Username?: string; Secret?: string } | undefined {
  try {
    const answer = JSON.parse(text) as { Username?: unknown; Secret?: unknown } | null;
    const { Username = "", Secret = "" } = answer ?? {};
    if (typeof Username !== "string" || typeof Secret !== "string") return undefined;
    return answer as { Username?: string; Secret?: string };
  } catch {
    return undefined;
  }
}

/** Pairs of a pattern and a replacement. The pattern finds a secret in a helper's stderr. */
const SECRETS: readonly [RegExp, string][] = [
  [/(:\/\/)[^/\s@]+@/g, "$1***@"],
  [/\b(basic|bearer)\s+[\w.~+/=-]{8,}/gi, "$1 ***"],
  [/((?:password|passwd|secret|token|key)["']?\s*[=:]\s*)("[^"]*"|'[^']*'|\S+)/gi, "$1***"],
];

/** Formats the stderr of a helper as one line, and replaces the secrets. */
function shownStderr(stderr: string, secret: string | undefined): string {
  let text = secret ? stderr.replaceAll(secret, "***") : stderr;
  for (const [pattern, concealed] of SECRETS) text = text.replace(pattern, concealed);
  return oneLine(text.trim().replace(/\s+/g, " ")).slice(0, MAX_WORDS);
}

/** The result of a helper. */
interface Outcome {
  /** The exit code of the helper, the signal that ended the helper, or the reason why the helper did not finish. */
  readonly code: number | string;
  readonly stdout: string;
  /** The first {@link MAX_STDERR} bytes of stderr. */
  readonly stderr: string;
}

async function outcome(
  program: string,
  key: string,
  { env, signal, timeout = DEFAULT_TIMEOUT }: HelperOptions,
): Promise<Outcome> {
  // Most commands run no helper. Therefore, `node:child_process` is not loaded before a helper runs.
  const { spawn } = await import("node:child_process");
  signal?.throwIfAborted();
  // A helper is often a script. The child processes of a script could outlive the script and keep stdout open.
  // Therefore, the helper gets a separate process group, so that this process can kill the whole group.
  const child = spawn(program, ["get"], { env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  const stderr = firstBytes(child.stderr);
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const stop = (settle: () => void) => {
    endGroup(child);
    settle();
  };
  const interrupt = () => stop(() => reject(signal?.reason));
  const timer = setTimeout(() => stop(() => resolve({ code: "timeout", stdout: "", stderr: stderr() })), timeout);
  signal?.addEventListener("abort", interrupt, { once: true });
  readOutcome(child, ({ code, stdout }) => resolve({ code, stdout, stderr: stderr() }));
  child.stdin.on("error", () => {
    // This error means that the helper exited before it read the key. The error is ignored, because the exit code
    // explains the failure.
  });
  child.stdin.end(key);
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", interrupt);
    child.stderr.destroy();
  });
}

/**
 * Collects the first {@link MAX_STDERR} bytes of a stream. Call the returned function to get the bytes that have
 * arrived so far.
 */
function firstBytes(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    if (size < MAX_STDERR) chunks.push(chunk.subarray(0, MAX_STDERR - size));
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString();
}

/**
 * Waits until the helper has exited and its stdout is closed. After that, this function waits for the stderr of the
 * helper to close, for at most {@link STDERR_TIME}. Finally, this function calls `done`.
 */
function readOutcome(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  done: (outcome: Omit<Outcome, "stderr">) => void,
): void {
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.once("error", (error) => done({ code: systemCode(error) ?? error.message, stdout: "" }));
  const code = new Promise<number | string>((resolve) =>
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "nothing")),
  );
  const closed = (stream: Readable) => new Promise<void>((resolve) => stream.once("close", resolve));
  const [stdoutClosed, stderrClosed] = [closed(child.stdout), closed(child.stderr)];
  void Promise.all([code, stdoutClosed]).then(async ([value]) => {
    await Promise.race([stderrClosed, sleep(STDERR_TIME)]);
    done({ code: value, stdout });
  });
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // The process group has already ended.
  }
}
