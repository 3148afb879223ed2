/**
 * Builds the image with the tools, `localhost/oras-pod-tools:VERSION`, for all architectures. Writes it to
 * `dist/images/oras-pod-tools.tar`, an archive of an OCI layout.
 *
 *   pnpm images
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { DEBIAN_ARCH } from "../support/debian-root.ts";
import { CACHE, DIST, ROOT } from "../support/paths.ts";
import { IMAGE_STORE, Podman, podmanProgram } from "../support/podman.ts";
import { type Arch, buildExecutables } from "./build.ts";
import { type WrittenImage, writeOciArchive } from "./images/oci-archive.ts";
import { readProvenance } from "./images/provenance.ts";
import { writeImageRoot } from "./images/root.ts";
import type { Component } from "./software/component.ts";
import { debianComponents } from "./software/debian-components.ts";
import { toolsComponents } from "./software/tools-components.ts";

/** The name of the image. */
export const TOOLS_IMAGE = `localhost/oras-pod-tools:${manifest.version}`;

/** The path of the archive with the image. */
export const TOOLS_ARCHIVE: string = join(DIST, "images", "oras-pod-tools.tar");

/** The maximum size of the compressed layers of one architecture, in bytes. */
export const SIZE_LIMIT = 45_000_000;

/** The architectures of the image. */
export const ARCHES: readonly Arch[] = Object.keys(DEBIAN_ARCH) as Arch[];

/**
 * Builds the image for all architectures with `podman`, from the executables in `dist`. Exports the uncompressed image
 * to a folder, in the format of podman's `dir` transport. Throws if a dependency is missing.
 */
export async function buildImage(podman: Podman, exported: string): Promise<void> {
  const context = join(CACHE, `images.${process.pid}`);
  rmSync(context, { recursive: true, force: true });
  const tools = await toolsComponents();
  for (const arch of ARCHES) {
    const components = [...tools, ...imageComponents([arch])];
    writeImageRoot(arch, executablesFolder(arch), components, join(context, DEBIAN_ARCH[arch]));
  }
  await runBuild(podman, context);
  rmSync(context, { recursive: true });
  await podman.run("manifest", "push", "--all", TOOLS_IMAGE, `dir:${exported}`);
}

/**
 * Builds the image. Stores it in {@link IMAGE_STORE} for the pods of the tests, and in {@link TOOLS_ARCHIVE}. The
 * folder `dist` must already contain the executables for the architecture of this machine. This function builds the
 * executables for the other architectures. Throws if a dependency is missing or if the image is larger than
 * {@link SIZE_LIMIT}.
 */
export async function writeImageArchive(): Promise<WrittenImage> {
  rmSync(TOOLS_ARCHIVE, { force: true });
  const program = podmanProgram();
  if ("missing" in program) throw new Error(program.missing);
  for (const arch of ARCHES) if (arch !== process.arch) await buildExecutables(arch, executablesFolder(arch));
  const exported = join(CACHE, `exported.${process.pid}`);
  await buildImage(new Podman(IMAGE_STORE), exported);
  const image = await writeOciArchive(exported, TOOLS_ARCHIVE, TOOLS_IMAGE);
  rmSync(exported, { recursive: true });
  for (const [arch, size] of Object.entries(image.sizes))
    if (size > SIZE_LIMIT) throw new Error(`image too large for ${arch}: ${size} bytes, maximum ${SIZE_LIMIT}`);
  return image;
}

/**
 * Returns the third-party software that is in the image, but not inside the executables of the tools. Throws if a
 * library has no license.
 */
export function imageComponents(arches: readonly Arch[]): Component[] {
  return debianComponents(new Map(arches.map((arch) => [arch, join(executablesFolder(arch), "launcher")])));
}

async function runBuild(podman: Podman, context: string): Promise<void> {
  const { revision, time } = readProvenance();
  const created = new Date(time * 1000).toISOString().replace(".000", "");
  const values = { CREATED: created, REVISION: revision, VERSION: manifest.version };
  const platforms = ARCHES.map((arch) => `linux/${DEBIAN_ARCH[arch]}`).join(",");
  await removeImage(podman);
  await podman.run(
    "build",
    "--quiet",
    ...["--platform", platforms, "--manifest", TOOLS_IMAGE, "--file", join(ROOT, "images", "Containerfile")],
    // With these options, the image has one layer. The layer and the configuration do not depend on the machine or on
    // the time of the build.
    ...["--layers=false", "--identity-label=false", "--omit-history", "--timestamp", `${time}`],
    ...Object.entries(values).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
    context,
  );
}

/** Removes the old image. Otherwise, a build would add the new platforms to the manifest list of the old image. */
async function removeImage(podman: Podman): Promise<void> {
  const images = await podman.run("images", "--format", "{{.Repository}}:{{.Tag}}");
  if (images.split("\n").includes(TOOLS_IMAGE)) await podman.run("manifest", "rm", TOOLS_IMAGE);
  await podman.run("image", "prune", "--force");
}

/** The folder of the executables for an architecture. */
export function executablesFolder(arch: Arch): string {
  return arch === process.arch ? DIST : join(DIST, arch);
}

if (import.meta.main) {
  await buildExecutables(process.arch as Arch, DIST);
  const { digest, sizes } = await writeImageArchive();
  console.log(`${TOOLS_ARCHIVE} ${digest}`);
  for (const [arch, size] of Object.entries(sizes)) console.log(`  ${arch}: ${(size / 1e6).toFixed(1)} MB compressed`);
}
