import { readdirSync, realpathSync, renameSync, statSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import type { Log } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { makeSharedFolders } from "shared/fs/folders";
import { cannotRead, cannotWrite, creatingFolder } from "shared/fs/path-failure";
import { removeTree } from "shared/fs/remove-tree";
import { specialFileKind } from "shared/fs/special-file";
import { reasonOf, systemCode } from "shared/fs/system-error";
import { uniqueName } from "shared/fs/unique-name";
import { type OutputRecord, SHARE } from "shared/pod/markers";
import { copyTree } from "./copy-tree.ts";
import { measureTree } from "./tree-size.ts";

/** Every user may read the copies: the sidecar often runs as another user. */
const READ_FOR_ALL = 0o444;

/**
 * Saves an output path on the shared volume. An output on the volume stays in its place; any other output is copied to
 * the outputs folder. The copy replaces that of an earlier attempt by rename. Returns undefined if the path does not
 * exist, or is neither a file nor a folder. Throws `noInput` with the path if it cannot be read, `copyFailed` if the
 * copy cannot be written.
 */
export async function saveOutput(share: string, path: string, warn: Log): Promise<OutputRecord[] | undefined> {
  const source = realPath(path);
  if (source === undefined) return undefined;
  const volume = realpathSync(share);
  const within = relative(volume, source);
  if (within === "" || isAbove(source, volume))
    throw new ToolError("copyFailed", `the output ${path} contains the shared volume ${share}`, {
      hint: "use a separate output folder for the step",
    });
  const stats = statSync(source);
  if (!stats.isFile() && !stats.isDirectory()) {
    warn(`skipped ${path}: it is ${specialFileKind(stats)}`);
    return undefined;
  }
  if (within.startsWith("..")) return [await copyOutput(share, path, warn)];
  return recordsInPlace(source, within);
}

/**
 * The records of an output on the volume. If the output is the outputs folder itself, each file and folder in it has a
 * record.
 */
function recordsInPlace(source: string, within: string): OutputRecord[] {
  if (within !== SHARE.outputs) return [{ path: within, ...measureTree(source) }];
  return readdirSync(source)
    .filter((name) => !name.startsWith("."))
    .map((name) => ({ path: join(SHARE.outputs, name), ...measureTree(join(source, name)) }));
}

async function copyOutput(share: string, path: string, warn: Log): Promise<OutputRecord> {
  const name = basename(resolve(path));
  const folder = join(share, SHARE.outputs);
  const suffix = uniqueName();
  const fresh = join(folder, `.new-${suffix}`);
  const stale = join(folder, `.old-${suffix}`);
  creatingFolder(folder, () => makeSharedFolders(folder));
  try {
    const size = await copyTree(resolve(path), fresh, { warn, addMode: READ_FOR_ALL });
    replace(join(folder, name), fresh, stale);
    return { path: join(SHARE.outputs, name), ...size };
  } finally {
    for (const left of [fresh, stale]) discard(left, warn);
  }
}

function replace(target: string, fresh: string, stale: string): void {
  try {
    try {
      renameSync(target, stale);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
    renameSync(fresh, target);
  } catch (error) {
    throw cannotWrite(target, error, "copyFailed");
  }
}

/** A temporary copy that cannot be removed is not a failure: its leading dot hides it from the sidecar. */
function discard(path: string, warn: Log): void {
  try {
    removeTree(path);
  } catch (error) {
    warn(`cannot remove ${path}: ${reasonOf(error)}`);
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw cannotRead(path, error);
  }
}

function isAbove(folder: string, path: string): boolean {
  return !relative(folder, path).startsWith("..");
}
