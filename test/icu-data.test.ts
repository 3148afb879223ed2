import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { reduceIcuData } from "../scripts/build/icu-data.ts";
import { nodeBinary } from "../scripts/build/node-binary.ts";
import { ROOT } from "../support/paths.ts";
import { run } from "../support/tools.ts";
import { temporaryFolder } from "./support/temporary.ts";

const NODE = nodeBinary(process.arch as "x64" | "arm64");
const USE = join(ROOT, "test", "support", "icu-use.js");

/** Runs the script that uses ICU. */
async function useIcu(node: string, env: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(node, [USE], { env });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** An ICU data package with the given items. Each item contains its name. */
function packageOf(names: readonly string[]): Buffer {
  const header = Buffer.alloc(32);
  Buffer.from([32, 0, 0xda, 0x27, 20, 0, 0, 0, 0, 0, 2, 0, ...Buffer.from("CmnD")]).copy(header);
  const table = Buffer.alloc(4 + names.length * 8);
  table.writeUInt32LE(names.length);
  const texts = names.map((name) => Buffer.from(`${name}\0`));
  const data = names.map((name) => Buffer.from(name.padEnd(64)));
  let at = table.length;
  for (const [index, text] of texts.entries()) {
    table.writeUInt32LE(at, 4 + index * 8);
    at += text.length;
  }
  for (const index of names.keys()) table.writeUInt32LE(at + index * 64, 8 + index * 8);
  return Buffer.concat([Buffer.alloc(100, "x"), header, table, ...texts, ...data, Buffer.alloc(100, "y")]);
}

describe("the ICU data of the executable", { timeout: 300_000 }, () => {
  let complete: Buffer;
  before(() => {
    complete = readFileSync(NODE);
  });

  it("is a tenth of Node's data", () => {
    const binary = Buffer.from(complete);
    const reduction = reduceIcuData(binary);
    assert.ok(reduction.before.items > 4000 && reduction.before.bytes > 30e6, JSON.stringify(reduction));
    assert.ok(reduction.after.items < 100 && reduction.after.bytes < 4e6, JSON.stringify(reduction));
    assert.equal(binary.length, complete.length);
    const again = Buffer.from(complete);
    reduceIcuData(again);
    assert.ok(binary.equals(again), "two reductions differ");
  });

  it("gives the same results as Node's data, in each locale that a container may have", async (t) => {
    const reduced = join(temporaryFolder(t), "node");
    const binary = Buffer.from(complete);
    reduceIcuData(binary);
    writeFileSync(reduced, binary, { mode: 0o755 });
    for (const env of [
      {},
      { LANG: "C" },
      { LANG: "C.UTF-8", TZ: "Europe/Berlin" },
      { LC_ALL: "en_US.UTF-8", TZ: "Asia/Tokyo" },
    ])
      assert.deepEqual(await useIcu(reduced, env), await useIcu(NODE, env), JSON.stringify(env));
    // The reduced data contains only English. So with a Swedish locale, the texts in `local` can differ from the texts
    // that Node's data gives. The tools use no such text. All other results must be equal.
    const { local: _, ...results } = await useIcu(reduced, { LANG: "sv_SE.UTF-8" });
    const { local, ...expected } = await useIcu(NODE, { LANG: "sv_SE.UTF-8" });
    assert.match(JSON.stringify(local), /"locale":"sv-SE"/);
    assert.deepEqual(results, expected);
  });

  it("is not reduced if Node has no package, several packages, or a package without a needed item", () => {
    assert.throws(() => reduceIcuData(Buffer.alloc(1000)), /found none/);
    const odd = packageOf(["icudt1l/af.res", "icudt1l/en.res", "icudt1l/zu.res"]);
    assert.throws(() => reduceIcuData(Buffer.from(odd)), /lacks pool\.res, /);
    assert.throws(() => reduceIcuData(Buffer.concat([odd, odd])), /found several/);
  });
});
