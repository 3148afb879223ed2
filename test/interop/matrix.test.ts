/**
 * Every client must restore the artifacts of all clients from all stores. The exceptions are known faults of other
 * tools. Clients for images read only the mountable artifacts. `test/cluster/mounts.test.ts` mounts such artifacts in
 * pods.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ZOT } from "../../support/dependencies.ts";
import { run } from "../../support/tools.ts";
import {
  CLIENTS,
  type Client,
  IMAGE_CLIENTS,
  MOUNTABLE,
  STORES,
  type Store,
  type StoreKind,
} from "../support/interop.ts";
import { noise } from "../support/noise.ts";
import { temporaryFolder } from "../support/temporary.ts";

const PATHS = ["analysis", "lammps.out"];
const COLUMNS = [...CLIENTS, ...IMAGE_CLIENTS];

/** An artifact that a client pushes. */
interface Artifact {
  /** Its name in the table. */
  readonly name: string;
  readonly pusher: Client;
  readonly paths: readonly string[];
  /** The image's reference is the artifact's reference plus this suffix. Undefined if the artifact is not mountable. */
  readonly imageSuffix?: string;
}

const ARTIFACTS: readonly Artifact[] = [
  ...CLIENTS.filter(({ push }) => push !== undefined).map((pusher) => ({
    name: pusher.name,
    pusher,
    paths: PATHS,
  })),
  { name: "oras-push --mountable, a folder", pusher: MOUNTABLE, paths: ["analysis"], imageSuffix: "" },
  { name: "oras-push --mountable, with a file", pusher: MOUNTABLE, paths: PATHS, imageSuffix: "-image" },
];

/** A fault of another client. */
interface Fault {
  /** A note for the table. */
  readonly note: string;
  /** Asserts that the restored files have this fault and no other fault. */
  readonly assertFault: (restored: string, sources: string) => Promise<void>;
}

/**
 * oras-py does not mark the layer of a folder. So `oras` does not extract the archive, but restores it under the name
 * of the folder. `oras-push` extracts the archive.
 */
const UNMARKED_FOLDER: Fault = {
  note: "oras-py pushes a folder without io.deis.oras.content.unpack, and oras restores it as a .tar.gz",
  assertFault: async (restored, sources) => {
    const unpacked = join(restored, "unpacked");
    mkdirSync(unpacked);
    const { code, stderr } = await run("tar", ["-xzf", join(restored, "analysis"), "-C", unpacked]);
    assert.equal(code, 0, stderr);
    await assertSame(join(unpacked, "analysis"), join(sources, "analysis"));
  },
};

const IMAGES_ONLY = "because podman, buildah and crane read images, and only --mountable makes an artifact an image";

/** These clients restore the mode and the modification time of a single file. Both use `oras-push` to restore files. */
const KEEPS_METADATA = ["oras-push", "skopeo copy"];

function assertMetadata(actual: string, expected: string): void {
  const [is, was] = [statSync(actual), statSync(expected)];
  assert.equal(is.mode, was.mode);
  assert.equal(is.mtimeMs, was.mtimeMs);
}

/** Returns a note with the name of the first client that does not support OCI layouts. */
function noLayouts(...clients: readonly Client[]): string {
  return `${clients.find(({ layouts }) => !layouts)?.name} does not support OCI layouts`;
}

/** Returns the known fault of a pair of clients in their pinned versions. */
function findFault(pusher: Client, puller: Client): Fault | undefined {
  return pusher.name === "oras-py" && puller.name.startsWith("oras 1.") ? UNMARKED_FOLDER : undefined;
}

function makeSources(folder: string): void {
  const tree = join(folder, "analysis");
  mkdirSync(join(tree, "empty"), { recursive: true });
  mkdirSync(join(tree, "deep", "x".repeat(90), "y".repeat(90)), { recursive: true });
  writeFileSync(join(tree, ".hidden"), "dot\n");
  writeFileSync(join(tree, "x y"), "a  b\n");
  writeFileSync(join(tree, "größe"), "names\n");
  writeFileSync(join(tree, "nothing"), "");
  writeFileSync(join(tree, "deep", "x".repeat(90), "y".repeat(90), "z".repeat(120)), "long\n");
  writeFileSync(join(tree, "noise"), noise(9 << 20));
  symlinkSync("x y", join(tree, "link"));
  const file = join(folder, "lammps.out");
  writeFileSync(file, "Loop time of 12.5347 on 4 procs\n");
  chmodSync(file, 0o750);
  utimesSync(file, 1e9, 1e9);
}

async function assertSame(actual: string, expected: string): Promise<void> {
  const { stdout, stderr } = await run("diff", ["-r", "--no-dereference", actual, expected]);
  assert.equal(stdout + stderr, "");
}

describe("artifacts of all clients", () => {
  const folder = temporaryFolder({ after });
  const sources = join(folder, "sources");
  const table: string[][] = [["pushed by", "to", ...COLUMNS.map(({ name }) => name)]];
  const notes: string[] = [];

  before(() => makeSources(sources));
  after(() => {
    const lines = [
      ...notes.map((text, index) => `(${index + 1}) ${text}`),
      `-: not tested, ${IMAGES_ONLY}`,
      `not tested: ${ZOT.missing}`,
    ];
    console.log(`\n${formatTable(table)}\n${lines.join("\n")}\n`);
  });

  for (const kind of STORES)
    for (const artifact of ARTIFACTS) {
      const { name, pusher, paths } = artifact;
      const clients = artifact.imageSuffix === undefined ? CLIENTS : COLUMNS;
      const cell = (client: Client) =>
        clients.includes(client) && hasNoLayouts(kind, pusher, client)
          ? `(${noteNumber(noLayouts(pusher, client))})`
          : "-";
      const row = [name, kind.name, ...COLUMNS.map(cell)];
      table.push(row);
      describe(`pushed by ${name} to ${kind.name}`, { skip: skipReason(kind, pusher) }, () => {
        let store: Store;
        let reference: string;
        before(async () => {
          store = await kind.start(join(folder, `${name} ${kind.name}`));
          reference = store.reference(name.replaceAll(/\W+/g, "-"));
          await pusher.push?.(store, reference, sources, paths);
        });
        after(() => store.close());
        for (const [column, client] of clients.entries()) {
          const suffix = IMAGE_CLIENTS.includes(client) ? artifact.imageSuffix : "";
          it(`is restored by ${client.name}`, { skip: skipReason(kind, client) }, async () => {
            row[column + 2] = "FAILS";
            const restored = join(folder, `${kind.name} ${name} ${client.name}`);
            mkdirSync(restored);
            await client.pull(store, `${reference}${suffix}`, restored);
            const fault = findFault(pusher, client);
            for (const path of paths)
              if (path !== "analysis" || fault === undefined)
                await assertSame(join(restored, path), join(sources, path));
            await fault?.assertFault(restored, sources);
            if (pusher.name === "oras-push" && KEEPS_METADATA.includes(client.name) && paths.includes("lammps.out"))
              assertMetadata(join(restored, "lammps.out"), join(sources, "lammps.out"));
            row[column + 2] = fault === undefined ? "same" : `(${noteNumber(fault.note)})`;
          });
        }
      });
    }

  /** Returns the number of a note, and adds the note if it is new. */
  function noteNumber(text: string): number {
    if (!notes.includes(text)) notes.push(text);
    return notes.indexOf(text) + 1;
  }
});

/** Returns the reason why a store and a client cannot be tested together. Returns false if they can. */
function skipReason(kind: StoreKind, client: Client): string | false {
  if (kind.program === undefined) return `${kind.name} is not installed`;
  if (client.program === undefined) return `${client.name} is not installed`;
  return hasNoLayouts(kind, client) ? noLayouts(client) : false;
}

function hasNoLayouts(kind: StoreKind, ...clients: readonly Client[]): boolean {
  return kind.name === "OCI layout" && clients.some(({ layouts }) => !layouts);
}

function formatTable(rows: readonly string[][]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  ")).join("\n");
}
