/**
 * Builds a release into `dist/release`. A release contains an archive of the tools for each architecture, the image, a
 * manifest for Kubernetes, all licenses, a list of the included software in SPDX format, and the checksums of all these
 * files. The same commit gives the same bytes.
 *
 *   pnpm release [--image NAME]
 *
 * NAME is the name of the image in the manifest.
 */
import { copyFileSync, cpSync, linkSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json" with { type: "json" };
import { DEBIAN_ARCH } from "../support/debian-root.ts";
import { CACHE, DIST } from "../support/paths.ts";
import { TOOLS } from "./build/bundle.ts";
import { sha256 } from "./build/sha256.ts";
import { type Arch, buildExecutables } from "./build.ts";
import { readProvenance } from "./images/provenance.ts";
import { writeTar } from "./images/tar.ts";
import { ARCHES, executablesFolder, imageComponents, TOOLS_ARCHIVE, TOOLS_IMAGE, writeImageArchive } from "./images.ts";
import { compressFile } from "./release/compress-file.ts";
import { installYaml } from "./release/install-yaml.ts";
import { type ReleaseContents, sbom } from "./release/sbom.ts";
import { toolsComponents } from "./software/tools-components.ts";
import { writeLicenses } from "./software/write-licenses.ts";

/** Most file names in a release start with this text: the name and the version of the project. */
export const RELEASE_NAME = `${manifest.name}-${manifest.version}`;

/** The name of the file with the checksums, in the format of sha256sum. */
export const CHECKSUMS = "SHA256SUMS";

/**
 * Empties a folder, and writes a release into it. The executables and the image come from `dist`. `image` is the name
 * of the image in the manifest. Throws if software in the release has no license.
 */
export async function writeRelease(out: string, image: string): Promise<void> {
  const manifestText = installYaml(image);
  const contents = await releaseContents();
  const staging = join(CACHE, `release.${process.pid}`);
  for (const folder of [out, staging]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  for (const arch of ARCHES) writeToolsArchive(arch, contents, staging, out);
  writeLicensesArchive(contents, staging, out);
  rmSync(staging, { recursive: true });
  copyFileSync(TOOLS_ARCHIVE, join(out, `${RELEASE_NAME}-image.tar`));
  writeFileSync(join(out, `${RELEASE_NAME}.spdx.json`), sbom(contents));
  writeFileSync(join(out, "install.yaml"), manifestText);
  const sums = readdirSync(out).map((name) => `${sha256(join(out, name))}  ${name}\n`);
  writeFileSync(join(out, CHECKSUMS), sums.join(""));
}

/** Finds the software in the tools and in the image. Throws if some software has no license. */
export async function releaseContents(): Promise<ReleaseContents> {
  return { tools: await toolsComponents(), image: imageComponents(ARCHES), time: readProvenance().time };
}

/** Writes the archive of the tools for one architecture, with their man pages, shell completion and licenses. */
function writeToolsArchive(arch: Arch, { tools, time }: ReleaseContents, staging: string, out: string): void {
  const name = `${RELEASE_NAME}-linux-${DEBIAN_ARCH[arch]}`;
  const folder = join(staging, name);
  mkdirSync(folder);
  const built = executablesFolder(arch);
  // The tools are one file with three names.
  for (const tool of TOOLS) linkSync(join(built, tool), join(folder, tool));
  cpSync(join(built, "share"), join(folder, "share"), { recursive: true });
  writeLicenses(tools, join(folder, "licenses"));
  writeArchive(staging, name, time, out);
}

/**
 * Writes the archive of all licenses: the licenses of the tools, and the licenses of the other software in the image.
 */
function writeLicensesArchive({ tools, image, time }: ReleaseContents, staging: string, out: string): void {
  const name = `${RELEASE_NAME}-licenses`;
  writeLicenses([...tools, ...image], join(staging, name));
  writeArchive(staging, name, time, out);
}

function writeArchive(staging: string, name: string, time: number, out: string): void {
  const archive = join(staging, `${name}.tar`);
  writeTar(staging, [name], archive, time);
  compressFile(archive, join(out, `${name}.tar.gz`));
}

if (import.meta.main) {
  const { image = TOOLS_IMAGE } = parseArgs({ options: { image: { type: "string" } } }).values;
  const out = join(DIST, "release");
  await buildExecutables(process.arch as Arch, DIST);
  await writeImageArchive();
  await writeRelease(out, image);
  for (const name of readdirSync(out)) console.log(`${join(out, name)} sha256:${sha256(join(out, name))}`);
}
