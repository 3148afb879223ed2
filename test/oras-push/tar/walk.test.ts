import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { walk } from "oras-push/tar/walk";
import { ToolError } from "shared/cli/tool-error";
import { rawPath, shownPath, toBytePath } from "shared/fs/byte-path";
import { temporaryFolder } from "../../support/temporary.ts";

const IS_ROOT = process.getuid?.() === 0 ? "root reads everything" : false;

/** The result of a walk: the entries as text, and the reports. */
function walked(folder: string, title = "t") {
  const reports: string[] = [];
  const entries = [...walk(folder, title, (message) => reports.push(message))].map(({ name, type, target }) =>
    target === undefined ? `${type} ${name}` : `${type} ${name} -> ${target}`,
  );
  return { entries, reports };
}

/** Creates a folder `tree`, and a folder `outside` that contains a file. `make` fills the folder `tree`. */
function tree(t: TestContext, make: (folder: string, outside: string) => void): string {
  const base = temporaryFolder(t);
  const folder = join(base, "tree");
  const outside = join(base, "outside");
  mkdirSync(folder);
  mkdirSync(outside);
  writeFileSync(join(outside, "secret"), "secret");
  make(folder, outside);
  return folder;
}

describe("walk", () => {
  it("yields names in the order of their bytes, a folder before its content", (t) => {
    const folder = tree(t, (root) => {
      for (const name of ["b", "a", "B", "ä", "a.x", "a-x", "~", "зеленый", "\u{10000}", "\uffee"])
        writeFileSync(join(root, name), "");
      mkdirSync(join(root, "a.d"));
      writeFileSync(join(root, "a.d", "x"), "");
    });
    const { entries } = walked(folder);
    const expected = ["B", "a", "a-x", "a.d", "a.d/x", "a.x", "b", "~", "ä", "зеленый", "\uffee", "\u{10000}"];
    assert.deepEqual(
      entries.map((entry) => shownPath(entry)),
      ["directory t", ...expected.map((name) => (name === "a.d" ? "directory t/a.d" : `file t/${name}`))],
    );
  });

  it("keeps the bytes of names that are not UTF-8", (t) => {
    const folder = tree(t, () => {});
    const path = rawPath(`${toBytePath(folder)}/\xff\xfe`);
    writeFileSync(path, "");
    const { entries } = walked(folder);
    rmSync(path);
    assert.deepEqual(entries, ["directory t", "file t/\xff\xfe"]);
  });

  it("yields empty folders", (t) => {
    const folder = tree(t, (root) => mkdirSync(join(root, "a", "b"), { recursive: true }));
    assert.deepEqual(walked(folder).entries, ["directory t", "directory t/a", "directory t/a/b"]);
  });

  it("yields the content of a folder behind a link", (t) => {
    const folder = tree(t, (root) => {
      writeFileSync(join(root, "x"), "");
      symlinkSync("x", join(root, "direct"));
      symlinkSync(join(root, "x"), join(root, "real"));
    });
    symlinkSync("tree", join(folder, "..", "link"));
    const entries = ["directory t", "symlink t/direct -> x", "file t/real", "file t/x"];
    assert.deepEqual(walked(join(folder, "..", "link")).entries, entries);
  });

  it("yields hard links as separate files, and reports them", (t) => {
    const folder = tree(t, (root) => {
      for (const name of ["a", "c"]) writeFileSync(join(root, name), "");
      linkSync(join(root, "a"), join(root, "b"));
    });
    const { entries, reports } = walked(folder);
    assert.deepEqual(entries, ["directory t", "file t/a", "file t/b", "file t/c"]);
    assert.deepEqual(reports, [`${folder}: stored 2 hard links as separate files`]);
  });

  it("skips and reports a FIFO and a socket", async (t) => {
    const folder = tree(t, (root) => {
      execFileSync("mkfifo", [join(root, "fifo")]);
      writeFileSync(join(root, "file"), "");
    });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(folder, "socket"), resolve));
    t.after(() => void server.close());
    const { entries, reports } = walked(folder);
    assert.deepEqual(entries, ["directory t", "file t/file"]);
    assert.deepEqual(reports, [`skipped ${folder}/fifo: it is a FIFO`, `skipped ${folder}/socket: it is a socket`]);
  });

  it("fails with the path of an unreadable folder", { skip: IS_ROOT }, (t) => {
    const folder = tree(t, (root) => {
      mkdirSync(join(root, "closed"));
      chmodSync(join(root, "closed"), 0);
    });
    assert.throws(
      () => walked(folder),
      (error: ToolError) => error.code === "noInput" && error.message === `cannot read ${folder}/closed`,
    );
  });

  for (const [what, change] of [
    ["gets a file", (folder: string) => writeFileSync(join(folder, "a", "late"), "")],
    ["loses a file", (folder: string) => rmSync(join(folder, "a", "z"))],
    ["gets a folder", (folder: string) => mkdirSync(join(folder, "a", "late"))],
  ] as const)
    it(`fails with the path if a folder ${what} during the walk`, (t) => {
      const folder = tree(t, (root) => {
        mkdirSync(join(root, "a", "b"), { recursive: true });
        for (const name of ["b/x", "z"]) writeFileSync(join(root, "a", name), "");
        const before = new Date(Date.now() - 10_000);
        utimesSync(join(root, "a"), before, before);
      });
      const entries = walk(folder, "t", () => {});
      for (const name of ["t", "t/a", "t/a/b", "t/a/b/x", "t/a/z"]) assert.equal(entries.next().value?.name, name);
      change(folder);
      assert.throws(
        () => entries.next(),
        (error) => error instanceof ToolError && error.message === `${folder}/a changed while it was read`,
      );
    });

  it("fails with the path of a folder that disappears", (t) => {
    const folder = tree(t, (root) => mkdirSync(join(root, "a")));
    const entries = walk(folder, "t", () => {});
    entries.next();
    entries.next();
    renameSync(join(folder, "a"), join(folder, "b"));
    assert.throws(
      () => entries.next(),
      (error) => error instanceof ToolError && error.message === `cannot read ${folder}/a`,
    );
  });
});

describe("symbolic links", () => {
  /** Links that stay links. */
  const direct: Record<string, (root: string) => void> = {
    "f l->f": (root) => symlinkSync("f", join(root, "l")),
    "l->./d/../f": (root) => symlinkSync("./d/../f", join(root, "l")),
    "l->d": (root) => symlinkSync("d", join(root, "l")),
    "l->d/": (root) => symlinkSync("d/", join(root, "l")),
    "d/l->../f": (root) => symlinkSync("../f", join(root, "d", "l")),
    "l->nothing": (root) => symlinkSync("nothing", join(root, "l")),
    "l->d/nothing/at/all": (root) => symlinkSync("d/nothing/at/all", join(root, "l")),
  };
  for (const [name, make] of Object.entries(direct))
    it(`stay links: ${name}`, (t) => {
      const folder = tree(t, (root) => {
        mkdirSync(join(root, "d"));
        writeFileSync(join(root, "f"), "");
        make(root);
      });
      const { entries, reports } = walked(folder);
      const target = name.slice(name.indexOf(">") + 1);
      assert.ok(
        entries.some((entry) => entry.startsWith("symlink t/") && entry.endsWith(`l -> ${target}`)),
        entries.join("\n"),
      );
      assert.deepEqual(reports, []);
    });

  it("to other links become copies of their targets", (t) => {
    const folder = tree(t, (root) => {
      writeFileSync(join(root, "f"), "");
      symlinkSync("f", join(root, "a"));
      symlinkSync("a", join(root, "b"));
    });
    const { entries, reports } = walked(folder);
    assert.deepEqual(entries, ["directory t", "symlink t/a -> f", "file t/b", "file t/f"]);
    assert.deepEqual(reports, [`stored the link ${folder}/b as a copy of its target, a`]);
  });

  it("of a mounted ConfigMap become files", (t) => {
    const folder = tree(t, (root) => {
      mkdirSync(join(root, "..2024_01"));
      writeFileSync(join(root, "..2024_01", "key"), "value");
      symlinkSync("..2024_01", join(root, "..data"));
      symlinkSync("..data/key", join(root, "key"));
    });
    const { entries } = walked(folder);
    assert.deepEqual(entries, [
      "directory t",
      "directory t/..2024_01",
      "file t/..2024_01/key",
      "symlink t/..data -> ..2024_01",
      "file t/key",
    ]);
  });

  it("with absolute paths into the folder become copies, folders with their content", (t) => {
    const folder = tree(t, (root) => {
      mkdirSync(join(root, "d"));
      writeFileSync(join(root, "d", "f"), "");
      symlinkSync(join(root, "d"), join(root, "l"));
    });
    assert.deepEqual(walked(folder).entries, [
      "directory t",
      "directory t/d",
      "file t/d/f",
      "directory t/l",
      "file t/l/f",
    ]);
  });

  it("that leave the folder and come back become copies", (t) => {
    const folder = tree(t, (root) => {
      writeFileSync(join(root, "f"), "");
      symlinkSync("../tree/f", join(root, "l"));
    });
    assert.deepEqual(walked(folder).entries, ["directory t", "file t/f", "file t/l"]);
  });

  /** Links that end outside. */
  const outward: Record<string, (root: string, outside: string) => void> = {
    absolute: (root, outside) => symlinkSync(join(outside, "secret"), join(root, "l")),
    relative: (root) => symlinkSync("../outside/secret", join(root, "l")),
    "dangling outside": (root) => symlinkSync("../nothing", join(root, "l")),
    "to a folder": (root) => symlinkSync("../outside", join(root, "l")),
    "to the folder above": (root) => symlinkSync("..", join(root, "l")),
    "to a folder with the same beginning": (root) => {
      mkdirSync(`${root}-2`);
      symlinkSync("../tree-2", join(root, "l"));
    },
  };
  for (const [name, make] of Object.entries(outward))
    it(`out of the folder are skipped and reported: ${name}`, (t) => {
      const folder = tree(t, make);
      const { entries, reports } = walked(folder);
      assert.deepEqual(entries, ["directory t"]);
      assert.equal(reports.length, 1);
      assert.ok(reports.join().startsWith(`skipped ${folder}/l: it links out of the folder`), reports.join());
    });

  it("out of the folder through another link are skipped", (t) => {
    const folder = tree(t, (root) => {
      mkdirSync(join(root, "a", "b"), { recursive: true });
      symlinkSync("..", join(root, "a", "b", "m"));
      // As text, this path leads to the folder a. But m is a link to a, so the path leads to the parent of `root`.
      symlinkSync("b/m/../..", join(root, "a", "l"));
    });
    const { entries, reports } = walked(folder);
    assert.deepEqual(entries, ["directory t", "directory t/a", "directory t/a/b", "symlink t/a/b/m -> .."]);
    assert.match(reports.join("\n"), /a\/l: it links out of the folder/);
  });

  it("in a loop are skipped as broken", (t) => {
    const folder = tree(t, (root) => {
      symlinkSync("b", join(root, "a"));
      symlinkSync("a", join(root, "b"));
      symlinkSync("self", join(root, "self"));
    });
    const { entries, reports } = walked(folder);
    assert.deepEqual(entries, ["directory t"]);
    assert.equal(reports.length, 3);
    for (const report of reports) assert.match(report, /it is a broken link/);
  });

  it("to a folder above them are not followed forever", (t) => {
    const folder = tree(t, (root) => {
      mkdirSync(join(root, "d"));
      symlinkSync(root, join(root, "d", "l"));
      symlinkSync("x", join(root, "d", "m"));
      symlinkSync("..", join(root, "d", "x"));
    });
    const { entries, reports } = walked(folder);
    assert.deepEqual(entries, ["directory t", "directory t/d", "symlink t/d/x -> .."]);
    assert.equal(
      reports.filter((report) => /a link inside this folder leads back to the folder/.test(report)).length,
      2,
    );
  });
});
