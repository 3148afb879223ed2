import { readdirSync, realpathSync, renameSync, statSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import type { Log } from "shared/cli/log";
import { reasonOf, systemCode, ToolError } from "shared/cli/tool-error";
import { makeSharedFolders } from "shared/fs/folders";
import { uniqueName } from "shared/fs/unique-name";
import { type OutputRecord, SHARE } from "shared/pod/markers";
import { copyTree, kindOf, measureTree, removeTree } from "./copy-tree.ts";

/** Everyone may read what is saved: the sidecar often runs as another user. */
const READ_FOR_ALL = 0o444;

/**
 * Saves an output path on the shared volume and gives what was saved; what lies there already stays where it is. It
 * appears in the outputs folder by rename, in the place of one from an earlier attempt. Gives undefined for a path that
 * is not there, or is neither a file nor a folder. Throws `noInput` for one that can't be read, `copyFailed` for one that can't be written, naming it.
 */
export async function saveOutput(share: string, path: string, warn: Log): Promise<OutputRecord[] | undefined> {
  const source = realPath(path);
  if (source === undefined) return undefined;
  const volume = realpathSync(share);
  const within = relative(volume, source);
  if (within === "" || isAbove(source, volume))
    throw new ToolError("copyFailed", `the output ${path} holds the shared volume ${share}`, {
      hint: "give the step an output folder of its own",
    });
  const stats = statSync(source);
  if (!stats.isFile() && !stats.isDirectory()) {
    warn(`left out ${path}: ${kindOf(stats)}`);
    return undefined;
  }
  if (within === SHARE.outputs)
    return readdirSync(source)
      .filter((name) => !name.startsWith("."))
      .map((name) => ({ path: join(SHARE.outputs, name), ...measureTree(join(source, name)) }));
  if (!within.startsWith("..")) return [{ path: within, ...measureTree(source) }];
  return [await copyOutput(share, path, warn)];
}

/** Makes a folder of the shared volume that both sides may write to, whatever their users and umasks. */
export function makeSharedFolder(path: string): void {
  try {
    makeSharedFolders(path);
  } catch (error) {
    throw new ToolError("cannotCreate", `cannot create ${path}`, { why: reasonOf(error), cause: error });
  }
}

async function copyOutput(share: string, path: string, warn: Log): Promise<OutputRecord> {
  const name = basename(resolve(path));
  const folder = join(share, SHARE.outputs);
  const suffix = uniqueName();
  const fresh = join(folder, `.new-${suffix}`);
  const stale = join(folder, `.old-${suffix}`);
  makeSharedFolder(folder);
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
    throw new ToolError("copyFailed", `cannot write ${target}`, { why: reasonOf(error), cause: error });
  }
}

/** What can't be removed is hidden from the sidecar by its name: no reason to fail. */
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
    throw new ToolError("noInput", `cannot read ${path}`, { why: reasonOf(error), cause: error });
  }
}

function isAbove(folder: string, path: string): boolean {
  return !relative(folder, path).startsWith("..");
}
