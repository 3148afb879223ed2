import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { ELF_HEADER_SIZE, isElf, isRunnableElf } from "../install/elf.ts";

/** The folders that are searched for a program if PATH is not set (execvp(3)). */
const DEFAULT_PATH = "/bin:/usr/bin";

/**
 * The folder in which the kernel lists the interpreters for additional program formats. Some containers do not have
 * this folder.
 */
const BINFMT = "/proc/sys/fs/binfmt_misc";

/**
 * Throws ENOEXEC if a program is an ELF file that the kernel cannot run. Without this check, the C library would run
 * the file as a shell script (execvp(3)). Accepts all other files, and also missing files.
 */
export function checkProgram(program: string, env: NodeJS.ProcessEnv): void {
  const path = programPath(program, env.PATH ?? DEFAULT_PATH);
  const head = path === undefined ? undefined : readHead(path);
  if (head === undefined || !isElf(head) || isRunnableElf(head, process.arch) || hasInterpreter()) return;
  throw Object.assign(new Error("exec format error"), { code: "ENOEXEC" });
}

/** Returns the path of the file that execvp(3) would run, or undefined if execvp(3) would find no file. */
function programPath(program: string, searchPath: string): string | undefined {
  if (program.includes("/")) return program;
  return searchPath
    .split(":")
    .map((folder) => join(folder || ".", program))
    .find(isExecutable);
}

/** Whether a path is an executable file. Returns false if this process has no access to the folder of the file. */
function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Reads the start of a file. Returns undefined if the file cannot be read. Some programs are executable, but not
 * readable.
 */
function readHead(path: string): Buffer | undefined {
  try {
    const file = openSync(path, "r");
    try {
      const head = Buffer.alloc(ELF_HEADER_SIZE);
      return head.subarray(0, readSync(file, head));
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

/**
 * Whether the kernel has an interpreter for ELF files of a different machine type. An emulator is such an interpreter
 * (binfmt_misc).
 */
function hasInterpreter(): boolean {
  try {
    return readdirSync(BINFMT).some((name) => /^enabled\n[\s\S]*^magic 7f454c46/m.test(readEntry(name)));
  } catch {
    return false;
  }
}

function readEntry(name: string): string {
  return name === "register" || name === "status" ? "" : readFileSync(join(BINFMT, name), "latin1");
}
