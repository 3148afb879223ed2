import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import { progressBars } from "oras-push/artifact/progress-bars";
import { digestOf } from "oras-push/oci/meter";

const digest = digestOf(Buffer.from(""));

/** Simulates a terminal. It interprets the text, the line ends, "cursor up" and "erase" in the output of the bars. */
function screen(t: TestContext, columns: number) {
  const shown = { columns, time: 0, rows: [""], row: 0, column: 0, writes: 0 };
  const put = (text: string) => {
    for (const character of text) {
      if (shown.column === shown.columns) newRow();
      const row = [...(shown.rows[shown.row] ?? "")];
      row[shown.column++] = character;
      shown.rows[shown.row] = row.join("");
    }
  };
  const newRow = () => {
    shown.row++;
    shown.column = 0;
    shown.rows[shown.row] ??= "";
  };
  const erase = () => {
    shown.rows[shown.row] = (shown.rows[shown.row] ?? "").slice(0, shown.column);
  };
  const write = (text: string) => {
    shown.writes++;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for escape sequences.
    for (const [found, up, plain] of text.matchAll(/\x1b\[(\d+)A|\x1b\[[JK]|\r|\n|([^\x1b\r\n]+)/g)) {
      if (up !== undefined) shown.row -= Number(up);
      else if (plain !== undefined) put(plain);
      else if (found === "\n") newRow();
      else if (found === "\r") shown.column = 0;
      else erase();
      if (found === "\x1b[J") shown.rows.length = shown.row + 1;
    }
  };
  const bars = progressBars({ write, columns: () => shown.columns }, () => shown.time);
  t.after(() => bars.close());
  return { shown, bars };
}

async function pass(source: AsyncIterable<Buffer>, each: () => void = () => {}): Promise<void> {
  for await (const _ of source) each();
}

async function* pieces(...sizes: number[]): AsyncGenerator<Buffer> {
  for (const size of sizes) yield Buffer.alloc(size);
}

it("shows the percentage, the bytes and the speed in a bar, and replaces a finished bar by a line", async (t) => {
  const { shown, bars } = screen(t, 100);
  const report = bars.download("analysis", { digest, size: 4_000_000 });
  await pass(report.watch(pieces(1_000_000, 1_000_000)), () => {
    shown.time += 500;
  });
  bars.print("a line above");
  assert.deepEqual(shown.rows, ["a line above", "[==========          ]  50% 2.0 MB/4.0 MB 2.0 MB/s analysis", ""]);
  report.done({ digest, size: 4_000_000 });
  assert.deepEqual(shown.rows, ["a line above", "Downloaded  e3b0c44298fc analysis", ""]);
});

it("shows no bar for a blob of unknown size", async (t) => {
  const { shown, bars } = screen(t, 100);
  await pass(bars.upload("analysis", {}).watch(pieces(500)), () => {
    shown.time += 1000;
  });
  bars.print("above");
  assert.deepEqual(shown.rows, ["above", "500 B 500 B/s analysis", ""]);
});

it("starts at zero when a blob is sent again", async (t) => {
  const { shown, bars } = screen(t, 100);
  const report = bars.upload("analysis", { digest, size: 1000 });
  await pass(report.watch(pieces(900)));
  const again = report.watch(pieces(100))[Symbol.asyncIterator]();
  await again.next();
  bars.print("above");
  assert.match(shown.rows[1] ?? "", /^\[ {20}\] {3}0% 0 B\/1\.0 kB/);
});

it("keeps bars narrower than the terminal, whatever characters a title has", async (t) => {
  for (const title of ["x".repeat(200), "图".repeat(200), "😀".repeat(200), "a\nb\x1b[2J"]) {
    const { shown, bars } = screen(t, 60);
    bars.upload(title, { digest, size: 1000 });
    bars.exists("first", { digest, size: 1 });
    assert.equal(shown.rows.length, 3);
    assert.ok((shown.rows[1] ?? "").length < 60);
    assert.ok(!shown.rows[1]?.includes("\x1b"));
  }
});

it("removes wrapped rows too after the terminal became narrower", (t) => {
  const { shown, bars } = screen(t, 80);
  bars.upload("a-long-title-of-a-folder", { digest, size: 1000 });
  bars.print("first");
  const wide = shown.rows[1] ?? "";
  assert.ok(wide.length > 40);
  // When a terminal becomes narrower, it wraps the rows that no longer fit.
  shown.columns = 40;
  shown.rows = ["first", wide.slice(0, 40), wide.slice(40), ""];
  shown.row = 3;
  bars.print("second");
  assert.equal(shown.rows.length, 4);
  assert.deepEqual(shown.rows.slice(0, 2), ["first", "second"]);
});

it("shows several bars below each other, and removes them on close", (t) => {
  const { shown, bars } = screen(t, 80);
  for (const title of ["a", "b", "c"]) bars.upload(title, { digest, size: 1000 });
  bars.mounted("d", { digest, size: 1 });
  assert.equal(shown.rows.length, 5);
  bars.close();
  assert.deepEqual(shown.rows, ["Mounted   e3b0c44298fc d", ""]);
  const { writes } = shown;
  bars.close();
  assert.equal(shown.writes, writes);
});

it("draws nothing without an active transfer", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { shown, bars } = screen(t, 80);
  t.mock.timers.tick(1000);
  assert.equal(shown.writes, 0);
  bars.upload("a", { digest, size: 1000 });
  assert.equal(shown.writes, 1);
  t.mock.timers.tick(200);
  assert.equal(shown.writes, 3);
});
