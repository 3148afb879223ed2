import { readFileSync, realpathSync } from "node:fs";
import { join, relative } from "node:path";
import { type DebianPackage, debianPackages } from "../../support/debian-packages.ts";
import { DEBIAN_ARCH, debianRoot } from "../../support/debian-root.ts";
import type { Arch } from "../build.ts";
import { findLibraries } from "../images/libraries.ts";
import { IMAGE_PACKAGES } from "../images/root.ts";
import { type Component, componentId } from "./component.ts";

/**
 * The folder of common licenses. The copyright files of Debian packages only name these licenses. The package
 * `base-files` contains the texts of these licenses.
 */
const COMMON = "usr/share/common-licenses";

/**
 * Returns the Debian packages whose files are in the image: the packages of the libraries that the executables need,
 * and the package of the certificate authorities. `launchers` maps each architecture to the path of the executable. If
 * a package has the same version for several architectures, it is only one component. Throws if a library belongs to no
 * package.
 */
export function debianComponents(launchers: ReadonlyMap<Arch, string>): Component[] {
  const all = [...launchers].flatMap(([arch, launcher]) => componentsFor(arch, launcher));
  return [...Map.groupBy(all, componentId).values()].map((same) => ({
    ...(same[0] as Component),
    urls: same.flatMap(({ urls }) => urls),
  }));
}

function componentsFor(arch: Arch, launcher: string): Component[] {
  const root = realpathSync(debianRoot(arch, IMAGE_PACKAGES));
  const packages = debianPackages(arch, IMAGE_PACKAGES);
  const { loader, shared } = findLibraries(launcher, arch, root);
  const libraries = [loader, ...shared].map((library) => ownerOf(relative(root, realpathSync(library)), packages));
  const used = new Set([...libraries, "ca-certificates"]);
  return packages.filter(({ name }) => used.has(name)).map((found) => debianComponent(found, arch, root));
}

function ownerOf(file: string, packages: readonly DebianPackage[]): string {
  const owner = packages.find(({ files }) => files.includes(file));
  if (owner === undefined) throw new Error(`${file} belongs to no Debian package`);
  return owner.name;
}

function debianComponent({ name, version }: DebianPackage, arch: Arch, root: string): Component {
  const copyright = readFileSync(join(root, "usr/share/doc", name, "copyright"), "utf8");
  const names = copyright.matchAll(new RegExp(`/${COMMON}/([A-Za-z0-9.-]*[A-Za-z0-9])`, "g"));
  const common = [...new Set([...names].map(([, license]) => license as string))].sort().map(commonLicense);
  const url = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${DEBIAN_ARCH[arch]}`;
  return { name, version, urls: [url], text: [copyright, ...common].join("\n") };
}

/** Returns the path of a common license, followed by the license's text. The text is the same on all architectures. */
function commonLicense(name: string): string {
  const root = debianRoot(process.arch as Arch, ["base-files"]);
  return `/${COMMON}/${name}:\n\n${readFileSync(join(root, COMMON, name), "utf8")}`;
}
