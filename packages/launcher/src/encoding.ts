import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";

/**
 * Whether an argument of this process is not UTF-8 text. Node replaces such bytes by U+FFFD, so the command would
 * receive a different argument. `argv` are the arguments as Node passes them.
 */
export function hasInvalidArgument(argv: readonly string[]): boolean {
  return argv.some(mayBeChanged) && originalWords("cmdline").some((word) => !isUtf8(word));
}

/** The names of the environment variables of this process that are not UTF-8 text. The command receives them changed. */
export function invalidVariables(env: NodeJS.ProcessEnv): readonly string[] {
  if (!Object.entries(env).some(([name, value]) => mayBeChanged(name) || mayBeChanged(value ?? ""))) return [];
  const invalid = originalWords("environ").filter((word) => !isUtf8(word));
  return invalid.map((word) => word.toString().split("=", 1)[0] ?? "");
}

/** Whether Node may have changed a text. The files in /proc are read only for a text with U+FFFD. */
function mayBeChanged(text: string): boolean {
  return text.includes("\ufffd");
}

/** The words that the kernel passed to this process (proc(5)). */
function originalWords(file: "cmdline" | "environ"): Buffer[] {
  const bytes = readFileSync(`/proc/self/${file}`);
  const words: Buffer[] = [];
  for (let start = 0, end = bytes.indexOf(0); end >= 0; start = end + 1, end = bytes.indexOf(0, start))
    words.push(bytes.subarray(start, end));
  return words;
}
