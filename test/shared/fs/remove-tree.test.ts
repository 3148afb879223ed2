import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { removeTree } from "shared/fs/remove-tree";
import { findProgram } from "../../../support/debian.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const IS_ROOT = process.getuid?.() === 0;

/**
 * If root runs the tests, this prefix runs a command without the two capabilities that let root ignore the permissions
 * of files.
 */
const AS_USER = IS_ROOT ? ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"] : [];
const NO_SETPRIV = IS_ROOT && findProgram("setpriv") === undefined && "setpriv is missing on this machine";

describe("removeTree", () => {
  it("removes a file, and ignores a missing one", (context) => {
    const path = join(temporaryFolder(context), "file");
    writeFileSync(path, "");
    removeTree(path);
    assert.ok(!existsSync(path));
    removeTree(path);
  });

  it("removes a link, but not its target", (context) => {
    const folder = temporaryFolder(context);
    mkdirSync(join(folder, "target"));
    mkdirSync(join(folder, "tree"));
    symlinkSync("../target", join(folder, "tree", "link"));
    symlinkSync("target", join(folder, "link"));
    removeTree(join(folder, "tree"));
    removeTree(join(folder, "link"));
    assert.deepEqual(readdirSync(folder), ["target"]);
  });

  it("removes read-only folders and names that are not UTF-8, without the rights of root", {
    skip: NO_SETPRIV,
  }, (context) => {
    const tree = join(temporaryFolder(context), "tree");
    mkdirSync(join(tree, "closed", "empty"), { recursive: true });
    mkdirSync(Buffer.from(`${tree}/closed/\xff`, "latin1"));
    writeFileSync(Buffer.from(`${tree}/closed/\xff/file`, "latin1"), "");
    chmodSync(join(tree, "closed", "empty"), 0o000);
    chmodSync(Buffer.from(`${tree}/closed/\xff`, "latin1"), 0o500);
    chmodSync(join(tree, "closed"), 0o500);
    chmodSync(tree, 0o500);
    const module = import.meta.resolve("shared/fs/remove-tree");
    const script = `import { removeTree } from "${module}"; removeTree(process.argv[1]);`;
    const [program = "", ...args] = [...AS_USER, process.execPath, "--input-type=module", "-e", script, tree];
    const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.ok(!existsSync(tree));
  });
});
