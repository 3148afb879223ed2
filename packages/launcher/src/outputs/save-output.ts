import { lstatSync, readdirSync, readlinkSync, realpathSync, renameSync, statSync, symlinkSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import type { Log } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { type BytePath, realBytePath, shownPath, toBytePath } from "shared/fs/byte-path";
import { makeSharedFolders } from "shared/fs/folders";
import { ifSupported } from "shared/fs/missing-feature";
import { cannotRead, cannotWrite, creatingFolder } from "shared/fs/path-failure";
import { grantFolderAccess, grantReadAccess } from "shared/fs/read-access";
import { removeTree } from "shared/fs/remove-tree";
import { specialFileKind } from "shared/fs/special-file";
import { reasonOf, systemCode } from "shared/fs/system-error";
import { uniqueName } from "shared/fs/unique-name";
import { MAX_OUTPUTS, type OutputRecord, SHARE } from "shared/pod/markers";
import { copyTree, copyTrees } from "./copy-tree.ts";
import type { OutputFailures } from "./output-failures.ts";
import { isOwnPart } from "./own-part.ts";

/** The mode bits that let every user read the copies. The sidecar and the launcher often run as different users. */
const READ_FOR_ALL = 0o444;

/** The context in which outputs are saved. */
export interface SaveContext {
  /** The folder of the shared volume. */
  readonly share: string;
  /** Receives a line for each skipped path. */
  readonly warn: Log;
  readonly failures: Pick<OutputFailures, "failed" | "missing">;
}

/**
 * Saves an output on the shared volume. An output that is already on the volume stays in its place, and becomes
 * readable for every user. Any other output is copied to the outputs folder. If an earlier attempt made a copy, the new
 * copy replaces the old copy by a rename. Returns undefined if the path does not exist, is neither a file nor a folder,
 * or belongs to the tools. Reports a broken link as a missing output, and returns an empty list. If a path inside the
 * output cannot be saved, reports this path. Throws `noInput` with the path if the output cannot be read. Throws
 * `copyFailed` if the copy cannot be written.
 */
export async function saveOutput(path: string, context: SaveContext): Promise<OutputRecord[] | undefined> {
  const { share, warn, failures } = context;
  const real = realPath(path);
  if (real === undefined) {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    failures.missing(path, `it is a broken link to ${readlinkSync(path)}`);
    return [];
  }
  const source = shownPath(real);
  const volume = realpathSync(share);
  const within = relative(volume, source);
  if (isOwnPart(within)) return undefined;
  if (within === "" || isAbove(source, volume))
    throw new ToolError("copyFailed", `the output ${path} contains the shared volume ${share}`, {
      hint: "use a separate output folder for the step",
    });
  const stats = statSync(path);
  if (!stats.isFile() && !stats.isDirectory()) {
    warn(`skipped ${path}: it is ${specialFileKind(stats)}`);
    return undefined;
  }
  if (isOutside(within)) return [await copyOutput(path, context)];
  const name = basename(resolve(path));
  if (toBytePath(source) === real) return saveInPlace(volume, within, name, context);
  // The real path of the output is not UTF-8, so the marker cannot contain this path. Therefore, the output is copied
  // to a UTF-8 path.
  grantReadAccess(resolve(path), failures.failed);
  return [await copyHidden(resolve(path), name, context)];
}

/**
 * Saves the matches of a pattern as one folder. In the new folder, each match keeps its path relative to `folder`.
 * Reports each path that cannot be saved. Throws `cannotCreate` if the new folder cannot be created.
 */
export async function saveTogether(
  folder: string,
  paths: readonly string[],
  { share, warn, failures: { failed } }: SaveContext,
): Promise<OutputRecord[]> {
  const volume = realpathSync(share);
  const { target, record } = hiddenTarget(share, basename(folder) || SHARE.outputs);
  creatingFolder(target, () => makeSharedFolders(target));
  const pairs = topmost(paths)
    .filter((path) => !isOwnPart(relative(volume, path)) && !isAbove(path, volume))
    .map((from) => ({ from, to: join(target, relative(folder, from)) }));
  for (const parent of new Set(pairs.map(({ to }) => dirname(to))))
    creatingFolder(parent, () => makeSharedFolders(parent));
  return [{ path: record, ...(await copyTrees(pairs, { warn, addMode: READ_FOR_ALL, failed })) }];
}

/** Returns the paths as absolute paths. Leaves out a path if it is inside another path of the list. */
function topmost(paths: readonly string[]): string[] {
  const full = new Set(paths.map((path) => resolve(path)));
  const isBelowAnother = (path: string): boolean => {
    const parent = dirname(path);
    return parent !== path && (full.has(parent) || isBelowAnother(parent));
  };
  return [...full].filter((path) => !isBelowAnother(path));
}

/** Returns a path that ends with `name`, in a new hidden folder. The launcher's next attempt removes this folder. */
function hiddenTarget(share: string, name: string): { readonly target: string; readonly record: string } {
  const record = join(SHARE.outputs, `.saved-${uniqueName()}`, name);
  return { target: join(share, record), record };
}

/**
 * Saves an output that is on the volume. If the output is the outputs folder itself, saves each entry of this folder as
 * a separate output. If this folder has more than {@link MAX_OUTPUTS} entries, saves the whole folder as one output
 * instead.
 */
async function saveInPlace(
  volume: string,
  within: string,
  name: string,
  context: SaveContext,
): Promise<OutputRecord[]> {
  grantParents(volume, within);
  if (within !== SHARE.outputs) return saveOneInPlace(volume, within, name, context);
  const names = readdirSync(join(volume, within)).filter((name) => !name.startsWith("."));
  if (names.length > MAX_OUTPUTS) return saveOneInPlace(volume, within, name, context);
  const records: OutputRecord[] = [];
  for (const entry of names) records.push(...(await saveOneInPlace(volume, join(within, entry), entry, context)));
  return records;
}

/**
 * Saves one path that is on the volume. If the path is a folder with unreadable content, saves a copy of the readable
 * content instead, because the sidecar cannot push the folder itself.
 */
async function saveOneInPlace(
  volume: string,
  within: string,
  name: string,
  context: SaveContext,
): Promise<OutputRecord[]> {
  const source = join(volume, within);
  let complete = true;
  const size = grantReadAccess(source, (path, failure) => {
    complete = false;
    context.failures.failed(path, failure);
  });
  if (complete) return [{ path: pathWithName(volume, within, name), ...size }];
  if (size.files === 0) return [];
  return [await copyHidden(source, name, context)];
}

/**
 * Returns the path of an output on the volume. The last part of this path becomes the title of the layer. If this part
 * is not the name of the output, creates a hidden link with the name of the output, and returns the path of the link.
 */
function pathWithName(volume: string, within: string, name: string): string {
  if (basename(within) === name) return within;
  const { target, record } = hiddenTarget(volume, name);
  const folder = dirname(target);
  creatingFolder(folder, () => makeSharedFolders(folder));
  const linked = ifSupported(() => symlinkSync(relative(folder, join(volume, within)), target));
  return linked ? record : within;
}

/** Copies the readable part of an output to a new hidden path on the volume. */
async function copyHidden(
  source: string,
  name: string,
  { share, warn, failures: { failed } }: SaveContext,
): Promise<OutputRecord> {
  const { target, record } = hiddenTarget(share, name);
  creatingFolder(dirname(target), () => makeSharedFolders(dirname(target)));
  return { path: record, ...(await copyTree(source, target, { warn, addMode: READ_FOR_ALL, failed })) };
}

function grantParents(volume: string, within: string): void {
  for (let folder = dirname(within); folder !== "."; folder = dirname(folder)) grantFolderAccess(join(volume, folder));
}

async function copyOutput(path: string, { share, warn, failures: { failed } }: SaveContext): Promise<OutputRecord> {
  const name = basename(resolve(path));
  const folder = join(share, SHARE.outputs);
  const suffix = uniqueName();
  const fresh = join(folder, `.new-${suffix}`);
  const stale = join(folder, `.old-${suffix}`);
  creatingFolder(folder, () => makeSharedFolders(folder));
  try {
    const size = await copyTree(resolve(path), fresh, { warn, addMode: READ_FOR_ALL, failed });
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

/**
 * Removes a temporary copy. If the removal fails, only warns. The remaining copy is harmless: its name has a leading
 * dot, and the sidecar ignores such names.
 */
function discard(path: string, warn: Log): void {
  try {
    removeTree(path);
  } catch (error) {
    warn(`cannot remove ${path}: ${reasonOf(error)}`);
  }
}

function realPath(path: string): BytePath | undefined {
  try {
    return realBytePath(toBytePath(path));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw cannotRead(path, error);
  }
}

function isOutside(within: string): boolean {
  return within === ".." || within.startsWith(`..${sep}`);
}

function isAbove(folder: string, path: string): boolean {
  return !isOutside(relative(folder, path));
}
