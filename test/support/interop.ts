import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { findProgram } from "../../support/debian.ts";
import { CACHE, ROOT } from "../../support/paths.ts";
import {
  type ProcessRegistry,
  startContainerRegistry,
  startDistribution,
} from "../../support/registry/process-registry.ts";
import { run, toolPath } from "../../support/tools.ts";
import { builtProgram } from "./clients.ts";

/** Where artifacts are kept: a running registry, or a folder with OCI layouts. */
export interface Store {
  /** The reference of an artifact in it. */
  reference(name: string): string;
  readonly layout: boolean;
  close(): Promise<void>;
}

/** A kind of store. */
export interface StoreKind {
  readonly name: string;
  /** The program that it needs; undefined where that is not on this machine, empty for none. */
  readonly program: string | undefined;
  start(folder: string): Promise<Store>;
}

/** A client of registries. Its functions throw with what it said where it fails. */
export interface Client {
  readonly name: string;
  /** What it needs; undefined where that is not on this machine. */
  readonly program: string | undefined;
  /** Whether it reads and writes OCI layouts. */
  readonly layouts: boolean;
  /** Pushes paths of a folder; undefined for a client that makes no artifacts. */
  readonly push?: (store: Store, reference: string, folder: string, paths: readonly string[]) => Promise<void>;
  readonly pull: (store: Store, reference: string, folder: string) => Promise<void>;
}

/** The stores that every artifact is put into. */
export const STORES: readonly StoreKind[] = [
  registryKind("distribution 2.8", findProgram("docker-registry"), startDistribution),
  registryKind("distribution 3", builtProgram("distribution-3"), startDistribution),
  registryKind("go-containerregistry", builtProgram("go-containerregistry"), startContainerRegistry),
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

/** The clients that push, pull, or both. */
export const CLIENTS: readonly Client[] = [
  {
    name: "ours",
    program: toolPath("oras-push"),
    layouts: true,
    push: ({ layout }, reference, folder, paths) =>
      succeed(toolPath("oras-push"), [...(layout ? ["--oci-layout"] : []), reference, ...paths], folder),
    pull: ({ layout }, reference, folder) =>
      succeed(toolPath("oras-push"), ["pull", ...(layout ? ["--oci-layout"] : []), reference], folder),
  },
  orasKind("oras 1.3", builtProgram("oras")),
  orasKind("oras 1.2", builtProgram("oras-1.2")),
  orasKind("oras 1.1", builtProgram("oras-1.1")),
  orasPythonKind(),
  skopeoKind(),
];

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

function orasKind(name: string, program: string | undefined): Client {
  const flag = ({ layout }: Store) => (layout ? "--oci-layout" : "--plain-http");
  const oras = (folder: string, ...args: string[]) => succeed(program as string, args, folder);
  return {
    name,
    program,
    layouts: true,
    push: (store, reference, folder, paths) => oras(folder, "push", flag(store), reference, ...paths),
    pull: (store, reference, folder) => oras(folder, "pull", flag(store), reference),
  };
}

function orasPythonKind(): Client {
  const python = join(CACHE, "oras-py", "bin", "python");
  const script = join(ROOT, "support", "clients", "oras-py", "client.py");
  return {
    name: "oras-py",
    program: existsSync(python) ? python : undefined,
    layouts: false,
    push: (_, reference, folder, paths) => succeed(python, [script, "push", reference, ...paths], folder),
    pull: (_, reference, folder) => succeed(python, [script, "pull", reference, "."], folder),
  };
}

/** skopeo copies artifacts whole; what it copied is unpacked by us. */
function skopeoKind(): Client {
  const program = findProgram("skopeo");
  return {
    name: "skopeo copy",
    program,
    layouts: true,
    pull: async ({ layout }, reference, folder) => {
      const source = layout ? `oci:${reference}` : `docker://${reference}`;
      const args = ["--insecure-policy", "copy", "--src-tls-verify=false", source, "oci:copy:1"];
      await succeed(program as string, args, folder);
      await succeed(toolPath("oras-push"), ["pull", "--oci-layout", "copy:1"], folder);
    },
  };
}

async function succeed(program: string, args: readonly string[], cwd: string): Promise<void> {
  if (!isAbsolute(program)) throw new Error(`${program} is not a path`);
  const { code, stdout, stderr } = await run(program, args, { cwd, env: { HOME: cwd, PATH: process.env.PATH } });
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
}
