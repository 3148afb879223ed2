/** Whoever pushed an artifact, and wherever it is: every client restores it, or the other side's known fault is named. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ZOT } from "../../support/parts.ts";
import { run } from "../../support/tools.ts";
import { CLIENTS, type Client, STORES, type Store, type StoreKind } from "../support/interop.ts";
import { noise } from "../support/noise.ts";
import { temporaryFolder } from "../support/temporary.ts";

const PATHS = ["analysis", "lammps.out"];
const PUSHERS = CLIENTS.filter(({ push }) => push !== undefined);

/** A fault of another client, and how it shows: what is restored instead. */
interface Fault {
  readonly says: string;
  readonly shows: (restored: string, sources: string) => Promise<void>;
}

/** oras-py does not mark a folder's layer as one: `oras` restores the archive, under the folder's name. We see what it is. */
const UNMARKED_FOLDER: Fault = {
  says: "oras-py pushes a folder without io.deis.oras.content.unpack: it is restored as a .tar.gz",
  shows: async (restored, sources) => {
    const unpacked = join(restored, "unpacked");
    mkdirSync(unpacked);
    const { code, stderr } = await run("tar", ["-xzf", join(restored, "analysis"), "-C", unpacked]);
    assert.equal(code, 0, stderr);
    await assertSame(join(unpacked, "analysis"), join(sources, "analysis"));
  },
};

const NO_LAYOUTS = "oras-py has no OCI layouts";

/** The faults that are known, found by running these clients at the versions that are pinned. */
function knownFault(pusher: Client, puller: Client): Fault | undefined {
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
  writeFileSync(join(folder, "lammps.out"), "Loop time of 12.5347 on 4 procs\n");
}

async function assertSame(actual: string, expected: string): Promise<void> {
  const { stdout, stderr } = await run("diff", ["-r", "--no-dereference", actual, expected]);
  assert.equal(stdout + stderr, "");
}

describe("artifacts of every client", () => {
  const folder = temporaryFolder({ after });
  const sources = join(folder, "sources");
  const table: string[][] = [["pushed by", "to", ...CLIENTS.map(({ name }) => name)]];
  const notes: string[] = [];

  before(() => makeSources(sources));
  after(() =>
    console.log(
      `\n${formatTable(table)}\n${[...notes.map((text, index) => `(${index + 1}) ${text}`), `not tried: ${ZOT.missing}`].join("\n")}\n`,
    ),
  );

  for (const kind of STORES)
    for (const pusher of PUSHERS) {
      const cell = (puller: Client) => (hasNoLayouts(kind, pusher, puller) ? `(${note(NO_LAYOUTS)})` : "-");
      const row = [pusher.name, kind.name, ...CLIENTS.map(cell)];
      table.push(row);
      describe(`pushed by ${pusher.name} to ${kind.name}`, { skip: missing(kind, pusher) }, () => {
        let store: Store;
        let reference: string;
        before(async () => {
          store = await kind.start(join(folder, `${pusher.name} ${kind.name}`));
          reference = store.reference(pusher.name);
          await pusher.push?.(store, reference, sources, PATHS);
        });
        after(() => store.close());
        for (const [column, puller] of CLIENTS.entries())
          it(`is restored by ${puller.name}`, { skip: missing(kind, puller) }, async () => {
            row[column + 2] = "FAILS";
            const restored = join(folder, `${kind.name} ${pusher.name} ${puller.name}`);
            mkdirSync(restored);
            await puller.pull(store, reference, restored);
            assert.deepEqual(readFileSync(join(restored, "lammps.out")), readFileSync(join(sources, "lammps.out")));
            const fault = knownFault(pusher, puller);
            if (fault === undefined) await assertSame(join(restored, "analysis"), join(sources, "analysis"));
            else await fault.shows(restored, sources);
            row[column + 2] = fault === undefined ? "same" : `(${note(fault.says)})`;
          });
      });
    }

  /** The number of a note, which is written once. */
  function note(text: string): number {
    if (!notes.includes(text)) notes.push(text);
    return notes.indexOf(text) + 1;
  }
});

/** Why a store and a client cannot be tried together; false where they can. */
function missing(kind: StoreKind, client: Client): string | false {
  if (kind.program === undefined) return `${kind.name} is not on this machine`;
  if (client.program === undefined) return `${client.name} is not on this machine`;
  return hasNoLayouts(kind, client) ? NO_LAYOUTS : false;
}

function hasNoLayouts(kind: StoreKind, ...clients: readonly Client[]): boolean {
  return kind.name === "OCI layout" && clients.some(({ layouts }) => !layouts);
}

function formatTable(rows: readonly string[][]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  ")).join("\n");
}
