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
import { basename, dirname, isAbsolute, join } from "node:path";
import { isSea } from "node:sea";
import { ToolError } from "shared/cli/tool-error";
import { placeAtomically } from "shared/fs/atomic-file";
import { makeFolders } from "shared/fs/folders";
import { cannotWrite, reading, writing } from "shared/fs/path-failure";
import { reasonOf } from "shared/fs/system-error";
import { TINI } from "../process/pid1.ts";
import { ELF_HEAD_SIZE, type InterpreterSegment, interpreterEdit, interpreterSegment } from "./elf.ts";

/** Where to install the tools. */
export interface InstallPlan {
  readonly folder: string;
  /** The folder's absolute path in the container that runs the tools. The kernel uses this path to find the loader. */
  readonly mountedAt: string;
}

/** The executable, and the names that are links to it. */
const NAME = "launcher";
const OTHER_NAMES = ["wait-fs", "oras-push"] as const;

/** The running executable, even if its file was renamed or removed since it was started. */
const SELF = "/proc/self/exe";

/**
 * Installs the executable into a folder, with everything that it needs to run in any image: the dynamic loader, the shared
 * libraries of this process, and tini. Each file is placed atomically and replaces an older one, which may be running. The
 * executable comes last, before the two links to it. Every user may read and run the files. Throws `noInput` if a source
 * cannot be read, and `cannotCreate` if a file cannot be written, or cannot be run afterwards.
 */
export async function install({ folder, mountedAt }: InstallPlan): Promise<void> {
  const segment = ownInterpreter();
  const loader = readText(SELF, segment.offset, segment.size - 1);
  const lib = join(folder, "lib");
  makeFolder(folder);
  makeFolder(lib);
  for (const path of [...ownLibraries(loader), loader]) await place(join(lib, basename(path)), (to) => copy(path, to));
  await place(join(folder, TINI), (to) => copy(join(dirname(process.execPath), TINI), to));
  await place(join(folder, NAME), (to) => {
    copy(SELF, to);
    setInterpreter(to, segment, join(mountedAt, "lib", basename(loader)));
  });
  for (const name of OTHER_NAMES) await place(join(folder, name), (to) => symlinkSync(NAME, to));
  checkRunnable(join(folder, NAME));
}

/**
 * Checks that the kernel can run a file. If the kernel refuses although the mode permits it, the volume is mounted with
 * noexec.
 */
function checkRunnable(path: string): void {
  try {
    accessSync(path, constants.X_OK);
  } catch (error) {
    throw new ToolError("cannotCreate", `cannot run ${path}`, {
      why: reasonOf(error),
      hint: "the volume is mounted noexec: use another volume, or mount the tools as an image volume",
      cause: error,
    });
  }
}

/** The segment with the path of this executable's loader. */
function ownInterpreter(): InterpreterSegment {
  const segment = isSea() ? interpreterSegment(readPart(SELF, 0, ELF_HEAD_SIZE)) : undefined;
  if (segment !== undefined) return segment;
  throw new ToolError("noInput", `cannot install ${process.execPath}`, {
    why: "it names no loader of its own",
    hint: "only the built executable, started by its name, can be installed",
  });
}

/**
 * The shared libraries of this process, by the names under which the loader searches for them. /proc/self/maps would show the
 * files that these names link to.
 */
function ownLibraries(loader: string): string[] {
  const { sharedObjects } = process.report.getReport() as { readonly sharedObjects: readonly string[] };
  // The kernel's linux-vdso has no path. The loader may be listed with the path that it had before the installation.
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
  // Distinguishes an unreadable source from a failed write.
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
    if (makeFolders(path)) chmodSync(path, 0o755);
  });
}
