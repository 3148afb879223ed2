import { existsSync, mkdtempSync, symlinkSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { findProgram } from "../../support/debian.ts";
import { CACHE, PINNED_CLIENTS } from "../../support/paths.ts";
import { Podman } from "../../support/podman.ts";
import {
  type ProcessRegistry,
  startContainerRegistry,
  startDistribution,
} from "../../support/registry/process-registry.ts";
import { run, toolPath } from "../../support/tools.ts";
import { findBuiltProgram } from "./clients.ts";
import { PODMAN_SKIP } from "./podman.ts";

/** A store of artifacts: a running registry, or a folder with OCI layouts. */
export interface Store {
  /** Returns the reference of an artifact in the store. */
  reference(name: string): string;
  readonly layout: boolean;
  close(): Promise<void>;
}

/** A kind of store. */
export interface StoreKind {
  readonly name: string;
  /**
   * The program that the store needs. Undefined if this machine does not have the program. Empty if the store needs no
   * program.
   */
  readonly program: string | undefined;
  start(folder: string): Promise<Store>;
}

/** A client of registries. If the client fails, its functions throw an error with the client's output. */
export interface Client {
  readonly name: string;
  /** The program that the client needs. Undefined if this machine does not have the program. */
  readonly program: string | undefined;
  /** Whether the client reads and writes OCI layouts. */
  readonly layouts: boolean;
  /** Pushes `paths`, which are relative to `folder`. Undefined if the client cannot create artifacts. */
  readonly push?: (store: Store, reference: string, folder: string, paths: readonly string[]) => Promise<void>;
  readonly pull: (store: Store, reference: string, folder: string) => Promise<void>;
}

/** All stores. */
export const STORES: readonly StoreKind[] = [
  registryKind("distribution 2.8", findProgram("docker-registry"), startDistribution),
  registryKind("distribution 3", findBuiltProgram("distribution-3"), startDistribution),
  registryKind("go-containerregistry", findBuiltProgram("go-containerregistry"), startContainerRegistry),
  {
    name: "OCI layout",
    program: "",
    start: async (folder) => ({
      layout: true,
      reference: (name) => `${join(folder, name.replaceAll(" ", "-"))}:1`,
      close: async () => {},
    }),
  },
];

/** All clients. */
export const CLIENTS: readonly Client[] = [
  orasPush(),
  oras("oras 1.3", findBuiltProgram("oras")),
  oras("oras 1.2", findBuiltProgram("oras-1.2")),
  oras("oras 1.1", findBuiltProgram("oras-1.1")),
  orasPython(),
  skopeo(),
];

/** `oras-push` with the option `--mountable`. */
export const MOUNTABLE: Client = orasPush("--mountable");

/** Clients that use an artifact as an image. Their `pull` writes the files of the image to a folder. */
export const IMAGE_CLIENTS: readonly Client[] = [podmanMount(), buildahMount(), craneExport()];

function registryKind(
  name: string,
  program: string | undefined,
  startRegistry: (program: string, folder: string) => Promise<ProcessRegistry>,
): StoreKind {
  return {
    name,
    program,
    start: async (folder) => {
      const { address, close } = await startRegistry(program as string, join(folder, name.replaceAll(" ", "-")));
      return { layout: false, reference: (repository) => `${address}/${repository.replaceAll(" ", "-")}:1`, close };
    },
  };
}

function orasPush(...options: readonly string[]): Client {
  const program = toolPath("oras-push");
  const flags = ({ layout }: Store) => (layout ? ["--oci-layout"] : []);
  return {
    name: "oras-push",
    program,
    layouts: true,
    push: (store, reference, folder, paths) =>
      execute(program, [...options, ...flags(store), reference, ...paths], folder),
    pull: (store, reference, folder) => execute(program, ["pull", ...flags(store), reference], folder),
  };
}

function oras(name: string, program: string | undefined): Client {
  const flag = ({ layout }: Store) => (layout ? "--oci-layout" : "--plain-http");
  const runOras = (folder: string, ...args: string[]) => execute(program as string, args, folder);
  return {
    name,
    program,
    layouts: true,
    push: (store, reference, folder, paths) => runOras(folder, "push", flag(store), reference, ...paths),
    pull: (store, reference, folder) => runOras(folder, "pull", flag(store), reference),
  };
}

function orasPython(): Client {
  const python = join(CACHE, "oras-py", "bin", "python");
  const script = join(PINNED_CLIENTS, "oras-py", "client.py");
  return {
    name: "oras-py",
    program: existsSync(python) ? python : undefined,
    layouts: false,
    push: (_, reference, folder, paths) => execute(python, [script, "push", reference, ...paths], folder),
    pull: (_, reference, folder) => execute(python, [script, "pull", reference, "."], folder),
  };
}

/** skopeo copies an artifact to a layout, and `oras-push` restores the files from this layout. */
function skopeo(): Client {
  const program = findProgram("skopeo");
  return {
    name: "skopeo copy",
    program,
    layouts: true,
    pull: async ({ layout }, reference, folder) => {
      const source = layout ? `oci:${reference}` : `docker://${reference}`;
      const args = ["--insecure-policy", "copy", "--src-tls-verify=false", source, "oci:copy:1"];
      await execute(program as string, args, folder);
      await execute(toolPath("oras-push"), ["pull", "--oci-layout", "copy:1"], folder);
    },
  };
}

/** podman mounts the image in the same way as for `podman run --mount type=image`. */
function podmanMount(): Client {
  return {
    name: "podman mount",
    program: PODMAN_SKIP === false ? findProgram("podman") : undefined,
    layouts: true,
    pull: async (store, reference, folder) => {
      const storage = storageBeside(folder);
      await using podman = new Podman(storage);
      const image = (await podman.run("pull", "-q", ...imageSource(store, reference, storage))).trim();
      await copyContent((await podman.run("image", "mount", image)).trim(), folder);
      await podman.run("image", "unmount", image);
    },
  };
}

/** buildah makes a container from the image, and mounts this container. */
function buildahMount(): Client {
  const program = findProgram("buildah");
  return {
    name: "buildah mount",
    program: PODMAN_SKIP === false ? program : undefined,
    layouts: true,
    pull: async (store, reference, folder) => {
      const storage = storageBeside(folder);
      await using podman = new Podman(storage);
      const buildah = async (...args: readonly string[]) => {
        const { code, stdout, stderr } = await run(program as string, args, { cwd: storage, env: podman.environment });
        if (code !== 0) throw new Error(`buildah ${args.join(" ")} exited with ${code}: ${stderr}`);
        return stdout.trim();
      };
      const container = await buildah("from", "--quiet", ...imageSource(store, reference, storage));
      await copyContent(await buildah("mount", container), folder);
      await buildah("rm", container);
    },
  };
}

/** crane writes all files of an image to one archive. */
function craneExport(): Client {
  const program = findBuiltProgram("crane");
  return {
    name: "crane export",
    program,
    layouts: false,
    pull: async (_, reference, folder) => {
      await execute(program as string, ["export", "--insecure", reference, `${folder}.tar`], folder);
      await execute("/usr/bin/tar", ["-xf", `${folder}.tar`, "-C", folder], folder);
    },
  };
}

/**
 * Creates a folder for the images of podman. The path of this folder must not contain a comma: the paths of the images
 * become part of mount options, and commas separate these options.
 */
function storageBeside(folder: string): string {
  return mkdtempSync(join(dirname(folder), "podman-"));
}

/**
 * Returns the arguments that select an image for podman and buildah. These tools derive the name of an image from the
 * path of its layout, but not all paths are valid names. So this function creates a link to the layout, with the valid
 * path `layout`. The link is in `folder`, where the tools run.
 */
function imageSource({ layout }: Store, reference: string, folder: string): string[] {
  if (!layout) return ["--tls-verify=false", reference];
  const colon = reference.lastIndexOf(":");
  symlinkSync(reference.slice(0, colon), join(folder, "layout"));
  return [`oci:layout${reference.slice(colon)}`];
}

async function copyContent(mounted: string, folder: string): Promise<void> {
  await execute("/usr/bin/cp", ["-a", `${mounted}/.`, folder], folder);
}

async function execute(program: string, args: readonly string[], cwd: string): Promise<void> {
  if (!isAbsolute(program)) throw new Error(`${program} is not an absolute path`);
  const { code, stdout, stderr } = await run(program, args, { cwd, env: { HOME: cwd, PATH: process.env.PATH } });
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} exited with ${code}: ${stdout}${stderr}`);
}
