import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { digestOf } from "oras-push/oci/meter";
import { findProgram } from "../../../support/debian.ts";
import { debianRoot } from "../../../support/debian-root.ts";
import type { Podman } from "../../../support/podman.ts";

/** A test image. It replaces a public image, which a machine without the internet cannot pull. */
interface ImagePlan {
  readonly name: string;
  /** The Debian packages whose files are in it; none for an image with only static programs. */
  readonly packages?: readonly string[];
  /** Other files, by their paths in the image. */
  readonly files?: Readonly<Record<string, string>>;
  /** The paths of links to busybox. */
  readonly applets?: readonly string[];
  /** Folders with write permission for everyone. podman gives a volume the mode of the folder that it is mounted at. */
  readonly shared?: readonly string[];
  /** The contents of text files, by their paths in the image. */
  readonly texts?: Readonly<Record<string, string>>;
  /** More lines for the Containerfile. */
  readonly instructions?: readonly string[];
}

const BUSYBOX = "/bin/busybox";

/** busybox with links for all its programs, like the public images of busybox and Alpine. */
export function busyboxImage(): ImagePlan {
  const busybox = findProgram("busybox") as string;
  const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n");
  const links = applets.filter((name) => name !== "busybox").map((name) => `/bin/${name}`);
  return { name: "localhost/busybox:test", files: { [BUSYBOX]: busybox }, applets: links, shared: ["/tmp"] };
}

/** Only one static program: `/seq`. */
export function staticImage(): ImagePlan {
  return { name: "localhost/static:test", files: { "/seq": findProgram("busybox") as string } };
}

/** Debian's hwloc and a shell. */
export function hwlocImage(): ImagePlan {
  const packages = ["hwloc", "busybox-static"];
  return { name: "localhost/hwloc:test", packages, applets: ["/bin/sh", "/bin/mkdir"], shared: ["/tmp"] };
}

/** Debian's registry, with the configuration of the public image of distribution. */
export function registryImage(): ImagePlan {
  const config = "/etc/docker/registry/config.yml";
  return {
    name: "localhost/registry:test",
    packages: ["docker-registry"],
    texts: {
      [config]: 'version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/registry}}\nhttp: {addr: ":5000"}\n',
    },
    shared: ["/var/lib/registry"],
    instructions: [`ENTRYPOINT ["docker-registry", "serve", "${config}"]`],
  };
}

const EXAMPLES = "/opt/lammps/examples/reaxff/HNS";

function exampleFiles(): Record<string, string> {
  const folder = join(debianRoot(hostArch(), ["lammps-examples"]), "usr/share/lammps/examples/reaxff/HNS");
  const names = ["in.reaxc.hns", "data.hns-equil", "ffield.reax.hns"];
  return Object.fromEntries(names.map((name) => [join(EXAMPLES, name), join(folder, name)]));
}

/** LAMMPS with ReaxFF, which is one static program, and its example of ReaxFF. */
export function lammpsImage(lmp: string): ImagePlan {
  return { name: "localhost/lammps:test", files: { "/bin/lmp": lmp, ...exampleFiles() }, shared: ["/tmp"] };
}

/** Debian's LAMMPS, which lacks ReaxFF, and the same example. */
export function debianLammpsImage(): ImagePlan {
  return { name: "localhost/lammps-debian:test", packages: ["lammps"], files: exampleFiles(), shared: ["/tmp"] };
}

/** Builds an image, unless the podman already has it from the same plan. */
export async function buildImage(podman: Podman, plan: ImagePlan, folder: string): Promise<void> {
  const label = `plan=${planDigest(plan)}`;
  const filters = ["--filter", `reference=${plan.name}`, "--filter", `label=${label}`];
  if ((await podman.run("images", "--quiet", ...filters)) !== "") return;
  const root = join(folder, "root");
  rmSync(root, { recursive: true, force: true });
  writeRoot(plan, root);
  const file = join(folder, "Containerfile");
  writeFileSync(file, ["FROM scratch", "COPY . /", `LABEL ${label}`, ...(plan.instructions ?? []), ""].join("\n"));
  await podman.run("build", "--quiet", "--tag", plan.name, "--file", file, root);
  rmSync(root, { recursive: true });
}

/** Writes the root file system of an image. */
function writeRoot(plan: ImagePlan, root: string): void {
  if (plan.packages !== undefined) copyPackages(plan.packages, root);
  const at = (path: string) => {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    return join(root, path);
  };
  for (const [path, file] of Object.entries(plan.files ?? {})) copyFileSync(file, at(path));
  for (const path of plan.applets ?? []) symlinkSync(BUSYBOX, at(path));
  for (const [path, text] of Object.entries(plan.texts ?? {})) writeFileSync(at(path), text);
  for (const path of plan.shared ?? []) {
    mkdirSync(at(path), { recursive: true });
    chmodSync(at(path), 0o1777);
  }
}

function copyPackages(packages: readonly string[], root: string): void {
  cpSync(debianRoot(hostArch(), packages), root, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !/\/usr\/share\/(doc|man|locale)$/.test(path),
  });
}

/**
 * The digest of everything that determines the image. Debian's packages are downloaded only once, so they do not
 * change.
 */
function planDigest(plan: ImagePlan): string {
  const files = Object.values(plan.files ?? {}).map((file) => digestOf(readFileSync(file)));
  return digestOf(Buffer.from(JSON.stringify([plan, files])));
}

function hostArch(): "x64" | "arm64" {
  return process.arch as "x64" | "arm64";
}
