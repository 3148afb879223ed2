import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { isSea } from "node:sea";
import { reasonOf, ToolError } from "shared/cli/tool-error";
import { makeFolders } from "shared/fs/folders";
import { temporaryBeside } from "shared/fs/unique-name";
import { TINI } from "../process/init.ts";
import { ELF_HEAD_SIZE, type InterpreterSegment, interpreterEdit, interpreterSegment } from "./elf.ts";

/** The executable under its own name, and the names that are links to it. */
const NAME = "launcher";
const OTHER_NAMES = ["wait-fs", "oras-push"] as const;

/** Where the running executable can be read, whatever became of its name since it was started. */
const SELF = "/proc/self/exe";

/**
 * Puts the executable into a folder, with all that it needs to run in any image: the dynamic loader and the shared
 * libraries that this process runs with, and tini. Each file appears whole, by rename, in the place of an earlier one,
 * which may be running; the executable comes last but for the other two names, which are links to it. Everyone may read
 * and run them. `mountedAt` is the absolute path that the folder has where the executable will run: the kernel finds the
 * loader by it. Throws `noInput` for what is not there to be copied and `cannotCreate` for what can't be written
 * or, where it was written, not be run.
 */
export function install(folder: string, mountedAt: string): void {
  const segment = ownInterpreter();
  const loader = readText(SELF, segment.offset, segment.size - 1);
  const lib = join(folder, "lib");
  makeFolder(folder);
  makeFolder(lib);
  for (const path of [...ownLibraries(loader), loader]) place(join(lib, basename(path)), (to) => copy(path, to));
  place(join(folder, TINI), (to) => copy(join(dirname(process.execPath), TINI), to));
  place(join(folder, NAME), (to) => {
    copy(SELF, to);
    setInterpreter(to, segment, join(mountedAt, "lib", basename(loader)));
  });
  for (const name of OTHER_NAMES) place(join(folder, name), (to) => symlinkSync(NAME, to));
  checkRunnable(join(folder, NAME));
}

/** What everyone may run and we may not lies on a volume from which nothing can be run. */
function checkRunnable(path: string): void {
  try {
    accessSync(path, constants.X_OK);
  } catch (error) {
    throw new ToolError("cannotCreate", `${path} cannot be run`, {
      why: reasonOf(error),
      hint: "the volume is mounted noexec: take one that is not, or mount the tools as an image volume",
      cause: error,
    });
  }
}

/** Where this executable names its loader. */
function ownInterpreter(): InterpreterSegment {
  const segment = isSea() ? interpreterSegment(readPart(SELF, 0, ELF_HEAD_SIZE)) : undefined;
  if (segment !== undefined) return segment;
  throw new ToolError("noInput", `cannot install ${process.execPath}`, {
    why: "it names no loader of its own",
    hint: "only the built executable, started by its name, can be installed",
  });
}

/**
 * The shared libraries of this process, each under the name by which the loader looks for it: /proc/self/maps would only
 * show the files that these names are links to.
 */
function ownLibraries(loader: string): string[] {
  const { sharedObjects } = process.report.getReport() as { readonly sharedObjects: readonly string[] };
  // The kernel's own (linux-vdso) has no path, and the loader may be listed by an address of before an installation.
  return sharedObjects.filter((path) => isAbsolute(path) && basename(path) !== basename(loader));
}

function readPart(path: string, position: number, length: number): Buffer {
  return reading(path, () => {
    const file = openSync(path, "r");
    try {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(file, buffer, 0, length, position));
    } finally {
      closeSync(file);
    }
  });
}

function readText(path: string, position: number, length: number): string {
  return readPart(path, position, length).toString();
}

function copy(from: string, to: string): void {
  // A file that can't be read is not there to be copied; any other failure is one of the place that it is copied to.
  reading(from, () => closeSync(openSync(from, "r")));
  copyFileSync(from, to, constants.COPYFILE_FICLONE);
  chmodSync(to, 0o755);
}

function setInterpreter(executable: string, segment: InterpreterSegment, loader: string): void {
  const file = openSync(executable, "r+");
  try {
    const { length, writes } = interpreterEdit(segment, fstatSync(file).size, loader);
    ftruncateSync(file, length);
    for (const { position, bytes } of writes) writeSync(file, bytes, 0, bytes.length, position);
  } finally {
    closeSync(file);
  }
}

/** Has `make` make something under a temporary name beside `path`, and renames it. */
function place(path: string, make: (temporary: string) => void): void {
  const temporary = temporaryBeside(path);
  try {
    make(temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw writeFailure(path, error);
  }
}

function makeFolder(path: string): void {
  try {
    if (makeFolders(path)) chmodSync(path, 0o755);
  } catch (error) {
    throw writeFailure(path, error);
  }
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ToolError("noInput", `cannot read ${path}`, { why: reasonOf(error), cause: error });
  }
}

function writeFailure(path: string, error: unknown): ToolError {
  if (error instanceof ToolError) return error;
  return new ToolError("cannotCreate", `cannot write ${path}`, { why: reasonOf(error), cause: error });
}
