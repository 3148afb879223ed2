import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { findProgram } from "../../support/debian.ts";
import { CACHE, PINNED_CLIENTS } from "../../support/paths.ts";
import {
  type ProcessRegistry,
  startContainerRegistry,
  startDistribution,
} from "../../support/registry/process-registry.ts";
import { run, toolPath } from "../../support/tools.ts";
import { findBuiltProgram } from "./clients.ts";

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
  /** The program that it needs: undefined if this machine lacks it, empty if it needs none. */
  readonly program: string | undefined;
  start(folder: string): Promise<Store>;
}

/** A client of registries. Its functions throw with the client's output if the client fails. */
export interface Client {
  readonly name: string;
  /** The program that it needs; undefined if this machine lacks it. */
  readonly program: string | undefined;
  /** Whether it reads and writes OCI layouts. */
  readonly layouts: boolean;
  /** Pushes paths of a folder; undefined for a client that cannot create artifacts. */
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

function orasPush(): Client {
  const program = toolPath("oras-push");
  const flags = ({ layout }: Store) => (layout ? ["--oci-layout"] : []);
  return {
    name: "oras-push",
    program,
    layouts: true,
    push: (store, reference, folder, paths) => execute(program, [...flags(store), reference, ...paths], folder),
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

/** skopeo copies an artifact to a layout, and `oras-push` restores its files from there. */
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

async function execute(program: string, args: readonly string[], cwd: string): Promise<void> {
  if (!isAbsolute(program)) throw new Error(`${program} is not an absolute path`);
  const { code, stdout, stderr } = await run(program, args, { cwd, env: { HOME: cwd, PATH: process.env.PATH } });
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} exited with ${code}: ${stdout}${stderr}`);
}
