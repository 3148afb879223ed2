import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { debianRoot } from "../debian-root.ts";
import { CACHE } from "../paths.ts";
import { IMAGE_STORE, Podman } from "../podman.ts";
import { BUSYBOX, hostArch, type ImagePlan } from "./plans.ts";

/** Builds an image, unless `podman` already has the image of the same plan. */
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

/**
 * Builds an image, and writes it to an archive. In this archive, the image has the name `name`. Does nothing if the
 * archive already exists. Returns the path of the archive, which any container engine can load.
 */
export async function imageArchive(plan: ImagePlan, name: string): Promise<string> {
  const folder = join(CACHE, "images");
  const digest = digestOf(`${name} ${planDigest(plan)}`).slice("sha256:".length, "sha256:".length + 16);
  const prefix = `${name.replaceAll(/[/:]/g, "_")}-`;
  const archive = join(folder, `${prefix}${digest}.tar`);
  if (existsSync(archive)) return archive;
  mkdirSync(folder, { recursive: true });
  for (const old of readdirSync(folder)) if (old.startsWith(prefix)) rmSync(join(folder, old));
  console.error(`building the image ${name}`);
  const podman = new Podman(IMAGE_STORE);
  const context = join(folder, `${process.pid}`);
  mkdirSync(context);
  await buildImage(podman, plan, context);
  rmSync(context, { recursive: true });
  const temporary = `${archive}.${process.pid}`;
  await podman.run("push", "--quiet", plan.name, `docker-archive:${temporary}:${name}`);
  renameSync(temporary, archive);
  return archive;
}

/** Writes the root file system of an image. */
function writeRoot(plan: ImagePlan, root: string): void {
  if (plan.packages !== undefined) copyPackages(plan.packages, root);
  for (const path of plan.without ?? []) rmSync(join(root, path), { recursive: true });
  const at = (path: string) => {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    return join(root, path);
  };
  for (const [path, file] of Object.entries(plan.files ?? {})) copyFileSync(file, at(path));
  for (const path of plan.applets ?? []) symlinkSync(BUSYBOX, at(path));
  for (const [path, text] of Object.entries(plan.texts ?? {})) writeFileSync(at(path), text, { mode: 0o755 });
  for (const [path, target] of Object.entries(plan.links ?? {})) symlinkSync(target, at(path));
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
 * The digest of everything that determines the image, except the contents of Debian's packages. These contents do not
 * change, because each package is downloaded only once.
 */
function planDigest(plan: ImagePlan): string {
  const files = Object.values(plan.files ?? {}).map((file) => digestOf(readFileSync(file)));
  return digestOf(JSON.stringify([plan, files]));
}

function digestOf(data: Buffer | string): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}
