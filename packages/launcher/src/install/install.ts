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
  symlinkSync,
  writeSync,
} from "node:fs";
import { basename, isAbsolute, join } from "node:path";
import { isSea } from "node:sea";
import { ToolError } from "shared/cli/tool-error";
import { placeAtomically } from "shared/fs/atomic-file";
import { makeFolders } from "shared/fs/folders";
import { cannotWrite, reading, writing } from "shared/fs/path-failure";
import { reasonOf } from "shared/fs/system-error";
import { ELF_HEAD_SIZE, type InterpreterSegment, interpreterEdit, interpreterSegment } from "./elf.ts";

/** Where to install the tools. */
export interface InstallPlan {
  readonly folder: string;
  /** The folder's absolute path in the container that runs the tools. The kernel uses this path to find the loader. */
  readonly mountedAt: string;
}

/**
 * The file name of the installed executable, which contains all three tools. The other names are links to this file.
 */
const NAME = "launcher";
const OTHER_NAMES = ["wait-fs", "oras-push"] as const;

/** The path of the running executable. The path works even if the file was renamed or removed after the start. */
const SELF = "/proc/self/exe";

/**
 * Installs the executable into a folder, together with the dynamic loader and the shared libraries of this process. The
 * installed executable then runs in any image. Places each file atomically. A new file replaces an old file with the
 * same name, even if a process is running the old file. Places the libraries first, then the executable, and then a
 * link to the executable for each of the other two tools. Every user may read and run the files. Throws `noInput` if a
 * file of this process cannot be read. Throws `cannotCreate` if a file cannot be written, or if the installed
 * executable cannot be run.
 */
export async function install({ folder, mountedAt }: InstallPlan): Promise<void> {
  const segment = ownInterpreter();
  const loader = readText(SELF, segment.offset, segment.size - 1);
  const lib = join(folder, "lib");
  makeFolder(folder);
  makeFolder(lib);
  for (const path of [...ownLibraries(loader), loader]) await place(join(lib, basename(path)), (to) => copy(path, to));
  await place(join(folder, NAME), (to) => {
    copy(SELF, to);
    setInterpreter(to, segment, join(mountedAt, "lib", basename(loader)));
  });
  for (const name of OTHER_NAMES) await place(join(folder, name), (to) => symlinkSync(NAME, to));
  checkRunnable(join(folder, NAME));
}

/**
 * Checks that the kernel can run a file. The file already has the execute permission. If the kernel still refuses to
 * run the file, the volume is mounted with noexec.
 */
function checkRunnable(path: string): void {
  try {
    accessSync(path, constants.X_OK);
  } catch (error) {
    throw new ToolError("cannotCreate", `cannot run ${path}`, {
      why: reasonOf(error),
      hint: "the volume is mounted with noexec; use another volume, or mount the tools as an image volume",
      cause: error,
    });
  }
}

/** Returns the {@link InterpreterSegment} of this executable. */
function ownInterpreter(): InterpreterSegment {
  const segment = isSea() ? interpreterSegment(readPart(SELF, 0, ELF_HEAD_SIZE)) : undefined;
  if (segment !== undefined) return segment;
  throw new ToolError("noInput", `cannot install ${process.execPath}`, {
    why: "this file is not the built executable",
    hint: "start the built executable directly, without node or ld.so, because --install copies the running file",
  });
}

/**
 * Returns the paths of the shared libraries of this process. Each path ends with the name that the loader searches for.
 * If a library is a link, the loader searches for the name of the link, but /proc/self/maps shows only the target of
 * the link. Therefore, this function does not read /proc/self/maps.
 */
function ownLibraries(loader: string): string[] {
  const { sharedObjects } = process.report.getReport() as { readonly sharedObjects: readonly string[] };
  // Leaves out linux-vdso, because it is a part of the kernel and has no path. Also leaves out the loader. If this
  // executable is an installed copy, the list may contain a wrong path of the loader. The function `install` adds the
  // correct path.
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
  // Opens the source first, to distinguish an unreadable source from a failed write.
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

async function place(path: string, create: (temporary: string) => void): Promise<void> {
  await placeAtomically(path, create).catch((error) => {
    throw error instanceof ToolError ? error : cannotWrite(path, error);
  });
}

function makeFolder(path: string): void {
  writing(path, () => {
    makeFolders(path, (folder) => chmodSync(folder, 0o755));
  });
}
