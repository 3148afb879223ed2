import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { it, type TestContext } from "node:test";
import { type Patterns, selection } from "oras-push/tar/selection";
import { walk } from "oras-push/tar/walk";
import { shownPath } from "shared/fs/byte-path";
import { temporaryFolder } from "../../support/temporary.ts";

const FILES = ["a.log", "b.txt", ".hidden", "sub/c.log", "sub/deep/d.txt", "empty/", "größe.log"];

/**
 * Creates a folder that contains `files`. Returns the files and folders that `patterns` select, as paths relative to
 * the created folder. The paths of folders end with a slash.
 */
function taken(t: TestContext, patterns: Partial<Patterns>, files = FILES): string[] {
  const folder = join(temporaryFolder(t), "run");
  for (const file of files) {
    mkdirSync(join(folder, file.endsWith("/") ? file : dirname(file)), { recursive: true });
    if (!file.endsWith("/")) writeFileSync(join(folder, file), "");
  }
  const wanted = selection({ include: [], exclude: [], ...patterns });
  return [...walk(folder, "run", (message) => assert.fail(message), wanted)]
    .map(({ name, type }) => shownPath(name).slice("run/".length) + (type === "directory" ? "/" : ""))
    .slice(1);
}

it("takes everything without patterns", (t) => {
  assert.deepEqual(taken(t, {}).length, FILES.length + 2);
});

it("matches a pattern without a slash against the name at any depth", (t) => {
  assert.deepEqual(taken(t, { include: ["*.log"] }), ["a.log", "größe.log", "sub/", "sub/c.log"]);
  assert.deepEqual(taken(t, { exclude: ["*.log", "empty"] }), [
    ".hidden",
    "b.txt",
    "sub/",
    "sub/deep/",
    "sub/deep/d.txt",
  ]);
});

it("matches a pattern with a slash against the path below the folder", (t) => {
  assert.deepEqual(taken(t, { include: ["/*.log"] }), ["a.log", "größe.log"]);
  assert.deepEqual(taken(t, { include: ["sub/*.log"] }), ["sub/", "sub/c.log"]);
  assert.deepEqual(taken(t, { include: ["**/d.*"] }), ["sub/", "sub/deep/", "sub/deep/d.txt"]);
});

it("matches the content of a folder with the folder", (t) => {
  assert.deepEqual(taken(t, { include: ["deep/"] }), ["sub/", "sub/deep/", "sub/deep/d.txt"]);
  assert.deepEqual(taken(t, { include: ["empty"] }), ["empty/"]);
});

it("gives exclude precedence over include", (t) => {
  assert.deepEqual(taken(t, { include: ["sub"], exclude: ["deep"] }), ["sub/", "sub/c.log"]);
});

it("matches a leading dot only with a dot", (t) => {
  assert.deepEqual(taken(t, { include: ["*"], exclude: ["[!.]*"] }), []);
  assert.deepEqual(taken(t, { include: [".*"] }), [".hidden"]);
});

it("neither reports nor reads entries that are not selected", (t) => {
  const folder = temporaryFolder(t);
  symlinkSync("/etc/hostname", join(folder, "outside"));
  writeFileSync(join(folder, "kept"), "");
  const names = (patterns: Patterns) =>
    [...walk(folder, "run", (message) => assert.fail(message), selection(patterns))].map(({ name }) => name);
  assert.deepEqual(names({ include: [], exclude: ["outside"] }), ["run", "run/kept"]);
  assert.deepEqual(names({ include: ["kept"], exclude: [] }), ["run", "run/kept"]);
});

it("follows a link that is not selected to selected entries", (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "..data"));
  writeFileSync(join(folder, "..data", "a.txt"), "");
  symlinkSync("..data", join(folder, "link"));
  symlinkSync("link/a.txt", join(folder, "a.txt"));
  const wanted = selection({ include: ["a.txt"], exclude: ["..data"] });
  const names = [...walk(folder, "run", () => {}, wanted)].map(({ name, type }) => `${type} ${name}`);
  assert.deepEqual(names, ["directory run", "file run/a.txt"]);
});
