import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { debianRoot } from "../../support/debian-root.ts";
import type { Arch } from "../build.ts";
import type { Component } from "../software/component.ts";
import { writeLicenses } from "../software/write-licenses.ts";
import { findLibraries } from "./libraries.ts";

/** The path of the image's root, both inside the image and in a container that mounts the image as a volume. */
export const TOOLS_FOLDER = "/opt/oras-pod-tools";

/** The Debian packages whose files are in the image. The image also contains files of their dependencies. */
export const IMAGE_PACKAGES: readonly string[] = ["ca-certificates", "libatomic1", "libstdc++6"];

/**
 * Writes the root file system of the image for one architecture. `built` is the folder of the executables, and
 * `components` is the third-party software in the image.
 */
export function writeImageRoot(arch: Arch, built: string, components: readonly Component[], root: string): void {
  const debian = debianRoot(arch, IMAGE_PACKAGES);
  for (const path of ["lib", "etc", "etc/ssl", "etc/ssl/certs", "mnt", "opt"]) addFolder(join(root, path), 0o755);
  // The kubelet gives a volume the mode 0777. podman gives a volume the mode of this folder. Therefore, this folder has
  // the mode 0777 too. This mode has no sticky bit. So the launcher and the sidecar can replace each other's files,
  // even if they run as different users.
  addFolder(join(root, "mnt/oras"), 0o777);
  addExecutables(arch, built, root, debian);
  writeLicenses(components, join(root, "licenses"));
  symlinkSync("..", join(root, TOOLS_FOLDER));
  writeFileSync(join(root, "etc/ssl/certs/ca-certificates.crt"), joinCertificates(debian));
}

/** Adds the loader and the libraries of the executable, and adds the executable under its three names. */
function addExecutables(arch: Arch, built: string, root: string, debian: string): void {
  const { loader, shared } = findLibraries(join(built, "launcher"), arch, debian);
  for (const path of [loader, ...shared]) addFile(path, join(root, "lib", basename(path)));
  const launcher = join(root, "launcher");
  addFile(join(built, "launcher"), launcher);
  const interpreter = join(TOOLS_FOLDER, "lib", basename(loader));
  execFileSync("patchelf", ["--set-interpreter", interpreter, launcher]);
  for (const name of ["oras-push", "wait-fs"]) linkSync(launcher, join(root, name));
}

function addFolder(path: string, mode: number): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
}

function addFile(from: string, to: string): void {
  copyFileSync(from, to);
  chmodSync(to, 0o755);
}

/** Joins all of Debian's certificate authorities into one text, as the installation of `ca-certificates` does. */
function joinCertificates(debian: string): string {
  const folder = join(debian, "usr", "share", "ca-certificates", "mozilla");
  const names = readdirSync(folder).sort();
  return names.map((name) => readFileSync(join(folder, name), "utf8")).join("");
}
