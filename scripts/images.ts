/**
 * Builds the image with the tools, `localhost/oras-pod-tools:VERSION`, for all architectures, into
 * `dist/images/oras-pod-tools.tar`, an archive of an OCI layout.
 *
 *   pnpm images
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { DEBIAN_ARCH, debianRoot } from "../support/debian-root.ts";
import { CACHE, DIST, ROOT } from "../support/paths.ts";
import { IMAGE_STORE, Podman, podmanProgram } from "../support/podman.ts";
import { type Arch, buildExecutables } from "./build.ts";
import { librariesOf } from "./images/libraries.ts";
import { type WrittenImage, writeOciArchive } from "./images/oci-archive.ts";

/** The name of the image. */
export const TOOLS_IMAGE = `localhost/oras-pod-tools:${manifest.version}`;

/** The archive with the image. */
export const TOOLS_ARCHIVE: string = join(DIST, "images", "oras-pod-tools.tar");

/** Where the image's root is: in a container of it, and where it is mounted as a volume. */
export const TOOLS_FOLDER = "/opt/oras-pod-tools";

/** The most that the layers of one architecture may have, compressed, in bytes. */
export const SIZE_LIMIT = 45_000_000;

const ARCHES = Object.keys(DEBIAN_ARCH) as Arch[];

/** What an image says of its sources. */
interface Provenance {
  readonly revision: string;
  /** Seconds since 1970. */
  readonly time: number;
}

/**
 * Builds the image for all architectures in a podman, from the executables that are in `dist`, and exports it to a folder:
 * podman's `dir` transport, uncompressed. Throws where a part is missing.
 */
export async function buildImages(podman: Podman, exported: string): Promise<void> {
  const context = join(CACHE, `images.${process.pid}`);
  rmSync(context, { recursive: true, force: true });
  for (const arch of ARCHES) layOut(arch, executables(arch), join(context, DEBIAN_ARCH[arch]));
  await runBuild(podman, context);
  rmSync(context, { recursive: true });
  await podman.run("manifest", "push", "--all", TOOLS_IMAGE, `dir:${exported}`);
}

/**
 * Builds the image, from the executables of this machine's architecture, which are in `dist`, and those of others, which
 * it builds: into {@link IMAGE_STORE}, for this project's pods, and into {@link TOOLS_ARCHIVE}. Throws where a part is
 * missing, and for an image above {@link SIZE_LIMIT}.
 */
export async function makeImages(): Promise<WrittenImage> {
  rmSync(TOOLS_ARCHIVE, { force: true });
  const part = podmanProgram();
  if ("missing" in part) throw new Error(part.missing);
  for (const arch of ARCHES) if (arch !== process.arch) await buildExecutables(arch, executables(arch));
  const exported = join(CACHE, `exported.${process.pid}`);
  await buildImages(new Podman(IMAGE_STORE), exported);
  const image = await writeOciArchive(exported, TOOLS_ARCHIVE, TOOLS_IMAGE);
  rmSync(exported, { recursive: true });
  for (const [arch, size] of Object.entries(image.sizes))
    if (size > SIZE_LIMIT) throw new Error(`the image for ${arch} has ${size} bytes, more than ${SIZE_LIMIT}`);
  return image;
}

async function runBuild(podman: Podman, context: string): Promise<void> {
  const { revision, time } = provenance();
  const args = {
    CREATED: new Date(time * 1000).toISOString().replace(".000", ""),
    REVISION: revision,
    VERSION: manifest.version,
  };
  const platforms = ARCHES.map((arch) => `linux/${DEBIAN_ARCH[arch]}`).join(",");
  await removeImage(podman);
  await podman.run(
    "build",
    "--quiet",
    ...["--platform", platforms, "--manifest", TOOLS_IMAGE, "--file", join(ROOT, "images", "Containerfile")],
    // One layer, and in it and in the image's description nothing of this machine and moment.
    ...["--layers=false", "--identity-label=false", "--omit-history", "--timestamp", `${time}`],
    ...Object.entries(args).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
    context,
  );
}

/** A build adds to a list that is there. */
async function removeImage(podman: Podman): Promise<void> {
  const images = await podman.run("images", "--format", "{{.Repository}}:{{.Tag}}");
  if (images.split("\n").includes(TOOLS_IMAGE)) await podman.run("manifest", "rm", TOOLS_IMAGE);
  await podman.run("image", "prune", "--force");
}

function executables(arch: Arch): string {
  return arch === process.arch ? DIST : join(DIST, arch);
}

/** Makes the image's root. */
function layOut(arch: Arch, built: string, root: string): void {
  const debian = debianRoot(arch, ["ca-certificates", "libatomic1", "libstdc++6"]);
  const folder = (path: string, mode = 0o755) => {
    mkdirSync(join(root, path), { recursive: true });
    chmodSync(join(root, path), mode);
  };
  for (const path of ["lib", "etc", "etc/ssl", "etc/ssl/certs", "mnt", "opt"]) folder(path);
  // What the kubelet gives a volume, podman takes from the image. Without the sticky bit: each side replaces what the other
  // wrote, whoever they run as.
  folder("mnt/oras", 0o777);
  const add = (from: string, path: string, mode = 0o755) => {
    copyFileSync(from, join(root, path));
    chmodSync(join(root, path), mode);
  };
  const { loader, shared } = librariesOf(join(built, "launcher"), arch, debian);
  for (const path of [loader, ...shared]) add(path, join("lib", basename(path)));
  add(join(built, "lib", "tini"), "lib/tini");
  add(join(built, "launcher"), "launcher");
  const interpreter = join(TOOLS_FOLDER, "lib", basename(loader));
  execFileSync("patchelf", ["--set-interpreter", interpreter, join(root, "launcher")]);
  for (const name of ["oras-push", "wait-fs"]) linkSync(join(root, "launcher"), join(root, name));
  symlinkSync("..", join(root, TOOLS_FOLDER));
  writeFileSync(join(root, "etc/ssl/certs/ca-certificates.crt"), authorities(debian));
}

/** All certificate authorities of Debian, which installing its package would put together. */
function authorities(debian: string): string {
  const folder = join(debian, "usr", "share", "ca-certificates", "mozilla");
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("");
}

/** Of the commit, by git; of sources without it nothing is known. */
function provenance(): Provenance {
  const git = (...args: string[]) => spawnSync("git", ["-C", ROOT, ...args], { encoding: "utf8" });
  const commit = existsSync(join(ROOT, ".git")) ? git("log", "-1", "--format=%H %ct") : undefined;
  if (commit?.status !== 0) {
    console.error("git does not know these sources: the image says nothing of their revision");
    return { revision: "", time: 0 };
  }
  const [hash = "", time] = commit.stdout.trim().split(" ");
  const changed = git("status", "--porcelain").stdout !== "";
  return { revision: changed ? `${hash}-changed` : hash, time: Number(time) };
}

if (import.meta.main) {
  await buildExecutables(process.arch as Arch, DIST);
  const { digest, sizes } = await makeImages();
  console.log(`${TOOLS_ARCHIVE} ${digest}`);
  for (const [arch, size] of Object.entries(sizes)) console.log(`  ${arch}: ${(size / 1e6).toFixed(1)} MB compressed`);
}
