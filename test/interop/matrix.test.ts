/**
 * Every client restores the artifacts of every other client from every store, except for known faults of other clients.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ZOT } from "../../support/dependencies.ts";
import { run } from "../../support/tools.ts";
import { CLIENTS, type Client, STORES, type Store, type StoreKind } from "../support/interop.ts";
import { noise } from "../support/noise.ts";
import { temporaryFolder } from "../support/temporary.ts";

const PATHS = ["analysis", "lammps.out"];
const PUSHERS = CLIENTS.filter(({ push }) => push !== undefined);

/** A fault of another client. */
interface Fault {
  /** A note for the table. */
  readonly note: string;
  /** Asserts that the restored files have this fault and no other. */
  readonly assertFault: (restored: string, sources: string) => Promise<void>;
}

/**
 * oras-py does not mark the layer of a folder. `oras` restores the archive under the name of the folder; `oras-push`
 * extracts it.
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

const NO_LAYOUTS = "oras-py does not support OCI layouts";

/** Returns the known fault of a pair of clients. It is a fault of the pinned versions. */
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
  writeFileSync(join(folder, "lammps.out"), "Loop time of 12.5347 on 4 procs\n");
}

async function assertSame(actual: string, expected: string): Promise<void> {
  const { stdout, stderr } = await run("diff", ["-r", "--no-dereference", actual, expected]);
  assert.equal(stdout + stderr, "");
}

describe("artifacts of all clients", () => {
  const folder = temporaryFolder({ after });
  const sources = join(folder, "sources");
  const table: string[][] = [["pushed by", "to", ...CLIENTS.map(({ name }) => name)]];
  const notes: string[] = [];

  before(() => makeSources(sources));
  after(() => {
    const lines = [...notes.map((text, index) => `(${index + 1}) ${text}`), `not tested: ${ZOT.missing}`];
    console.log(`\n${formatTable(table)}\n${lines.join("\n")}\n`);
  });

  for (const kind of STORES)
    for (const pusher of PUSHERS) {
      const cell = (puller: Client) => (hasNoLayouts(kind, pusher, puller) ? `(${noteNumber(NO_LAYOUTS)})` : "-");
      const row = [pusher.name, kind.name, ...CLIENTS.map(cell)];
      table.push(row);
      describe(`pushed by ${pusher.name} to ${kind.name}`, { skip: skipReason(kind, pusher) }, () => {
        let store: Store;
        let reference: string;
        before(async () => {
          store = await kind.start(join(folder, `${pusher.name} ${kind.name}`));
          reference = store.reference(pusher.name);
          await pusher.push?.(store, reference, sources, PATHS);
        });
        after(() => store.close());
        for (const [column, puller] of CLIENTS.entries())
          it(`is restored by ${puller.name}`, { skip: skipReason(kind, puller) }, async () => {
            row[column + 2] = "FAILS";
            const restored = join(folder, `${kind.name} ${pusher.name} ${puller.name}`);
            mkdirSync(restored);
            await puller.pull(store, reference, restored);
            assert.deepEqual(readFileSync(join(restored, "lammps.out")), readFileSync(join(sources, "lammps.out")));
            const fault = findFault(pusher, puller);
            if (fault === undefined) await assertSame(join(restored, "analysis"), join(sources, "analysis"));
            else await fault.assertFault(restored, sources);
            row[column + 2] = fault === undefined ? "same" : `(${noteNumber(fault.note)})`;
          });
      });
    }

  /** Returns the number of a note, and adds the note if it is new. */
  function noteNumber(text: string): number {
    if (!notes.includes(text)) notes.push(text);
    return notes.indexOf(text) + 1;
  }
});

/** The reason to skip a store and a client; false if they can be tested together. */
function skipReason(kind: StoreKind, client: Client): string | false {
  if (kind.program === undefined) return `${kind.name} is not installed`;
  if (client.program === undefined) return `${client.name} is not installed`;
  return hasNoLayouts(kind, client) ? NO_LAYOUTS : false;
}

function hasNoLayouts(kind: StoreKind, ...clients: readonly Client[]): boolean {
  return kind.name === "OCI layout" && clients.some(({ layouts }) => !layouts);
}

function formatTable(rows: readonly string[][]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  ")).join("\n");
}
