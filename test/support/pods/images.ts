import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { digestOf } from "oras-push/oci/meter";
import { findProgram } from "../../../support/debian.ts";
import { debianRoot } from "../../../support/debian-root.ts";
import type { Podman } from "../../../support/podman.ts";

/** An image that is built here, for lack of the internet's: from Debian's packages, by their names. */
interface ImagePlan {
  readonly name: string;
  /** Whose files are in it; none for an image of static programs alone. */
  readonly packages?: readonly string[];
  /** More files, by their paths in it. */
  readonly files?: Readonly<Record<string, string>>;
  /** Links to busybox, by their paths in it. */
  readonly applets?: readonly string[];
  /** Folders that everyone may write to, which podman's volumes take their mode from. */
  readonly shared?: readonly string[];
  readonly texts?: Readonly<Record<string, string>>;
  readonly instructions?: readonly string[];
}

const BUSYBOX = "/bin/busybox";

/** busybox and links to it, as the public image has it, and as Alpine has it beside its package manager. */
export function busyboxImage(): ImagePlan {
  const busybox = findProgram("busybox") as string;
  const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n");
  const links = applets.filter((name) => name !== "busybox").map((name) => `/bin/${name}`);
  return { name: "localhost/busybox:test", files: { [BUSYBOX]: busybox }, applets: links, shared: ["/tmp"] };
}

/** One static program and nothing else: `/seq`. */
export function staticImage(): ImagePlan {
  return { name: "localhost/static:test", files: { "/seq": findProgram("busybox") as string } };
}

/** Debian's hwloc, and a shell. */
export function hwlocImage(): ImagePlan {
  const packages = ["hwloc", "busybox-static"];
  return { name: "localhost/hwloc:test", packages, applets: ["/bin/sh", "/bin/mkdir"], shared: ["/tmp"] };
}

/** Debian's registry, as the public image of distribution has it. */
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

/** LAMMPS with ReaxFF, one static program, and its example of it. */
export function lammpsImage(lmp: string): ImagePlan {
  return { name: "localhost/lammps:test", files: { "/bin/lmp": lmp, ...exampleFiles() }, shared: ["/tmp"] };
}

/** Debian's LAMMPS, which lacks ReaxFF. */
export function debianLammpsImage(): ImagePlan {
  return { name: "localhost/lammps-debian:test", packages: ["lammps"], files: exampleFiles(), shared: ["/tmp"] };
}

/** Builds an image, where the podman has none of its name and plan. */
export async function buildImage(podman: Podman, plan: ImagePlan, folder: string): Promise<void> {
  const label = `plan=${planDigest(plan)}`;
  const found = await podman.run(
    "images",
    "--quiet",
    "--filter",
    `reference=${plan.name}`,
    "--filter",
    `label=${label}`,
  );
  if (found !== "") return;
  const root = join(folder, "root");
  rmSync(root, { recursive: true, force: true });
  const at = (path: string) => {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    return join(root, path);
  };
  if (plan.packages !== undefined)
    cpSync(debianRoot(hostArch(), plan.packages), root, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !/\/usr\/share\/(doc|man|locale)$/.test(path),
    });
  for (const [path, file] of Object.entries(plan.files ?? {})) copyFileSync(file, at(path));
  for (const path of plan.applets ?? []) symlinkSync(BUSYBOX, at(path));
  for (const [path, text] of Object.entries(plan.texts ?? {})) writeFileSync(at(path), text);
  for (const path of plan.shared ?? []) {
    mkdirSync(at(path), { recursive: true });
    chmodSync(at(path), 0o1777);
  }
  const file = join(folder, "Containerfile");
  writeFileSync(file, ["FROM scratch", "COPY . /", `LABEL ${label}`, ...(plan.instructions ?? []), ""].join("\n"));
  await podman.run("build", "--quiet", "--tag", plan.name, "--file", file, root);
  rmSync(root, { recursive: true });
}

/** Of all that decides what is in an image; Debian's packages are fetched once. */
function planDigest(plan: ImagePlan): string {
  const files = Object.values(plan.files ?? {}).map((file) => digestOf(readFileSync(file)));
  return digestOf(Buffer.from(JSON.stringify([plan, files])));
}

function hostArch(): "x64" | "arm64" {
  return process.arch as "x64" | "arm64";
}
