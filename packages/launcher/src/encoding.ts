import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";

/**
 * Whether an argument of this process is not UTF-8 text. `argv` contains the arguments after Node decoded them. Node
 * replaces invalid bytes with U+FFFD, so the command would receive a changed argument.
 */
export function hasInvalidArgument(argv: readonly string[]): boolean {
  return argv.some(mayBeChanged) && originalWords("cmdline").some((word) => !isUtf8(word));
}

/**
 * Returns the names of the environment variables whose name or value is not UTF-8 text. Node replaces the invalid bytes
 * with U+FFFD, so the command receives a changed text.
 */
export function invalidVariables(env: NodeJS.ProcessEnv): readonly string[] {
  if (!Object.entries(env).some(([name, value]) => mayBeChanged(name) || mayBeChanged(value ?? ""))) return [];
  const invalid = originalWords("environ").filter((word) => !isUtf8(word));
  return invalid.map((word) => word.toString().split("=", 1)[0] ?? "");
}

/**
 * Returns the environment for the command. At startup, Node removes some variables from the environment, for example
 * NODE_CHANNEL_FD. The result contains `env` and the removed variables, because a user may have set these variables for
 * the command. If /proc is not mounted, the result contains only `env`.
 */
export function commandEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  try {
    return { ...Object.fromEntries(originalWords("environ").map(variable)), ...env };
  } catch {
    return env;
  }
}

/** Splits `NAME=VALUE`. */
function variable(word: Buffer): [name: string, value: string] {
  const [name = "", ...value] = word.toString().split("=");
  return [name, value.join("=")];
}

/**
 * Whether Node may have changed this text. Node replaces invalid bytes with U+FFFD. Only a text with U+FFFD must be
 * compared with the original bytes in /proc.
 */
function mayBeChanged(text: string): boolean {
  return text.includes("\ufffd");
}

/** Reads the arguments or the environment variables of this process from /proc (proc(5)). Returns them as bytes. */
function originalWords(file: "cmdline" | "environ"): Buffer[] {
  const bytes = readFileSync(`/proc/self/${file}`);
  const words: Buffer[] = [];
  for (let start = 0, end = bytes.indexOf(0); end >= 0; start = end + 1, end = bytes.indexOf(0, start))
    words.push(bytes.subarray(start, end));
  return words;
}
