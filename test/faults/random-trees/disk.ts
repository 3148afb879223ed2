/** The files of a pod on disk. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type BytePath, type RawPath, rawPath, toBytePath } from "shared/fs/byte-path";
import { noise } from "../../support/noise.ts";
import { type FileNode, type FolderNode, joinPath, type Node, type SpecialNode, type World } from "./world.ts";

/** The paths of a FIFO and a socket. The trees contain hard links to the FIFO and to the socket. */
export type SpecialFiles = Readonly<Record<SpecialNode["kind"], string>>;

/** Creates the special files in a folder. */
export async function makeSpecialFiles(folder: string): Promise<SpecialFiles> {
  const files = { FIFO: join(folder, "fifo"), socket: join(folder, "socket") };
  execFileSync("mkfifo", [files.FIFO]);
  const server = createServer().listen(files.socket).unref();
  await once(server, "listening");
  return files;
}

/** Creates the files of a world. The random tree gets the path that {@link hiddenTree} returns. */
export function makeFiles(world: World, specials: SpecialFiles): void {
  const copies = new Map<FileNode, RawPath>();
  const make = (node: Node, path: BytePath): void => {
    const raw = rawPath(path);
    if (node.kind === "link") symlinkSync(rawPath(node.target), raw);
    else if (node.kind === "folder") makeFolder(node, path, make);
    else if (node.kind !== "file") linkSync(specials[node.kind], raw);
    else {
      const copy = copies.get(node);
      if (copy !== undefined) linkSync(copy, raw);
      else makeFile(node, raw);
      copies.set(node, raw);
    }
  };
  const visible = toBytePath(join(world.pod, world.tree));
  make(world.root, toBytePath(world.pod));

  function makeFolder(folder: FolderNode, path: BytePath, make: (node: Node, path: BytePath) => void): void {
    const real = path === visible ? hiddenTree(world) : path;
    mkdirSync(rawPath(real), { recursive: true });
    for (const [name, child] of folder.children) make(child, joinPath(real, name));
    setAttributes(folder, rawPath(real));
  }
}

/** The path where the tree is created. Later, the test or the launcher's command moves the tree to its final path. */
export function hiddenTree({ pod, tree }: World): string {
  return join(pod, tree, "..", ".made");
}

function makeFile(node: FileNode, path: RawPath): void {
  const file = openSync(path, "wx", 0o600);
  writeSync(file, noise(node.size - node.hole, node.seed), 0, undefined, node.hole);
  ftruncateSync(file, node.size);
  closeSync(file);
  setAttributes(node, path);
}

function setAttributes({ uid, gid, mode, time }: FileNode | FolderNode, path: RawPath): void {
  // chown(2) clears the set-user-ID bit, so the mode must be set after the owner.
  chownSync(path, uid, gid);
  chmodSync(path, mode);
  utimesSync(path, time, time);
}
