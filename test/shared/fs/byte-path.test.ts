import assert from "node:assert/strict";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { rawPath, shownPath, toBytePath } from "shared/fs/byte-path";
import { temporaryFolder } from "../../support/temporary.ts";

describe("a byte path", () => {
  it("has one character for each byte", () => {
    assert.equal(toBytePath("ü").length, 2);
    assert.deepEqual(rawPath(toBytePath("größe")), Buffer.from("größe"));
  });

  it("is shown as text", () => {
    assert.equal(shownPath(toBytePath("/a/größe\n")), "/a/größe\n");
  });

  it("keeps the bytes of a name that is not UTF-8", (context) => {
    const folder = toBytePath(temporaryFolder(context));
    const path = `${folder}/\xff\xfe`;
    writeFileSync(rawPath(path), "");
    const names = readdirSync(rawPath(folder), { encoding: "latin1" });
    assert.deepEqual(names, ["\xff\xfe"]);
    assert.ok(shownPath(path).endsWith("/\ufffd\ufffd"));
    rmSync(rawPath(path));
  });

  it("sorts in the order of the bytes", () => {
    const names = ["z", "ü", "\u{1f600}", "\uffee"];
    const sorted = names.map(toBytePath).sort().map(shownPath);
    assert.deepEqual(sorted, ["z", "ü", "\uffee", "\u{1f600}"]);
  });
});
