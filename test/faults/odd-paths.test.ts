/**
 * Unusual paths that the tests with random trees found: names that are not UTF-8, links on the volume, and patterns
 * that lead into folders that the launcher cannot enter.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { parseDoneMarker, SHARE } from "shared/pod/markers";
import { run, runTool, sharedToolPath } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";

const skip = process.getuid?.() === 0 ? false : "only root can run processes as other users";
/** A name that is not UTF-8. */
const LATIN1 = Buffer.from("caf\xe9", "latin1");

/** Creates a folder with the subfolder `share`. Every user may write to both folders. */
function openFolder(context: TestContext): string {
  const folder = temporaryFolder(context);
  mkdirSync(join(folder, "share"));
  for (const path of [folder, join(folder, "share")]) chmodSync(path, 0o777);
  return folder;
}

function below(folder: string, ...names: (Buffer | string)[]): Buffer {
  return Buffer.concat([Buffer.from(folder), ...names.flatMap((name) => [Buffer.from("/"), Buffer.from(name)])]);
}

/** Runs the launcher with `--quiet`. If the test runs as root, the launcher runs as a normal user. */
function launch(folder: string, args: readonly string[], umask = "022") {
  const user = skip === false ? { uid: 1000, gid: 1000 } : {};
  const words = ["sh", umask, sharedToolPath("launcher"), "-q", "--share", "share", ...args];
  return run("sh", ["-c", 'umask "$1"; shift; exec "$@"', ...words], {
    cwd: folder,
    env: { PATH: process.env.PATH },
    ...user,
  });
}

/**
 * Pushes the outputs of the launcher to an OCI layout, and pulls them into the folder `pulled`. If the test runs as
 * root, the push runs as another user.
 */
async function pushAndPull(folder: string, paths: readonly string[]) {
  const user = skip === false ? { uid: 65532, gid: 65532 } : {};
  const layout = ["--oci-layout", `${folder}/layout:t`];
  const pushed = await runTool("oras-push", [...layout, ...paths], { cwd: join(folder, "share"), ...user });
  assert.equal(pushed.code, 0, pushed.stderr);
  const pulled = await runTool("oras-push", ["pull", ...layout, "-o", join(folder, "pulled")]);
  assert.equal(pulled.code, 0, pulled.stderr);
}

function savedPaths(folder: string, name: string): string[] {
  const marker = parseDoneMarker(readFileSync(join(folder, "share", name), "utf8"));
  return (marker?.outputs ?? []).map(({ path }) => path);
}

describe("names that are not UTF-8", { timeout: 60_000 }, () => {
  it("are restored with the links below them", async (context) => {
    const folder = openFolder(context);
    mkdirSync(below(folder, "share", "out"));
    mkdirSync(below(folder, "share", "out", LATIN1));
    writeFileSync(below(folder, "share", "out", LATIN1, "file"), "1");
    symlinkSync("file", below(folder, "share", "out", LATIN1, "direct"));
    symlinkSync(below(folder, "share", "out", LATIN1, "file"), below(folder, "share", "out", LATIN1, "absolute"));
    await pushAndPull(folder, ["out"]);
    for (const name of ["direct", "absolute"])
      assert.equal(readFileSync(below(folder, "pulled", "out", LATIN1, name), "utf8"), "1", name);
  });

  it("may be in the path to which an output leads", async (context) => {
    for (const place of ["", "share"]) {
      const folder = openFolder(context);
      mkdirSync(below(folder, place, LATIN1));
      writeFileSync(below(folder, place, LATIN1, "file"), "1");
      symlinkSync(LATIN1, below(folder, place, "out"));
      const { code, stderr } = await launch(folder, ["--output", join(place, "out"), "--", "true"]);
      assert.equal(code, 0, stderr);
      await pushAndPull(folder, savedPaths(folder, SHARE.done));
      assert.equal(readFileSync(join(folder, "pulled", "out", "file"), "utf8"), "1");
    }
  });

  it("are reported if they are in the way of a pattern", async (context) => {
    const folder = openFolder(context);
    mkdirSync(below(folder, LATIN1));
    for (const path of [below(folder, LATIN1, "x.dat"), below(folder, "y.dat")]) writeFileSync(path, "1");
    const { code, stderr } = await launch(folder, ["--output", "**/*.dat", "--", "true"]);
    assert.equal(code, 66);
    assert.match(stderr, /caf\ufffd\/x\.dat \(its name is not UTF-8 text\)/);
    assert.deepEqual(savedPaths(folder, SHARE.doneFailed), ["outputs/y.dat"]);
  });
});

describe("a link in a copied folder", { timeout: 60_000 }, () => {
  it("does not lead to another place from the copy", async (context) => {
    const folder = openFolder(context);
    const place = join(folder, "share", "out", "a", "b", "c");
    mkdirSync(place, { recursive: true });
    writeFileSync(join(folder, "share", "out", "a", "x"), "1");
    symlinkSync("../../x", join(place, "up"));
    // A push replaces this absolute link by a copy of the folder.
    symlinkSync(place, join(folder, "share", "out", "copy"));
    await pushAndPull(folder, ["out"]);
    for (const path of ["a/b/c/up", "copy/up"])
      assert.equal(readFileSync(join(folder, "pulled", "out", path), "utf8"), "1", path);
  });
});

describe("outputs", { timeout: 60_000 }, () => {
  it("that are links on the volume give their names to the layers", async (context) => {
    const folder = openFolder(context);
    mkdirSync(join(folder, "share", "run-17"));
    writeFileSync(join(folder, "share", "run-17", "file"), "1");
    symlinkSync("run-17", join(folder, "share", "latest"));
    const outputs = ["--output", "share/latest", "--output", "share/run-17"];
    const { code, stderr } = await launch(folder, [...outputs, "--", "true"], "077");
    assert.equal(code, 0, stderr);
    await pushAndPull(folder, savedPaths(folder, SHARE.done));
    assert.deepEqual(readdirSync(join(folder, "pulled")).sort(), ["latest", "run-17"]);
    assert.equal(readFileSync(join(folder, "pulled", "latest", "file"), "utf8"), "1");
  });

  it("are saved if a pattern leads into a folder that cannot be searched", { skip }, async (context) => {
    const folder = openFolder(context);
    for (const name of ["closed", "open"]) mkdirSync(join(folder, name), { mode: name === "open" ? 0o755 : 0o700 });
    const outputs = ["--output", "closed/[ab]*", "--output", "open"];
    const { code, stderr } = await launch(folder, [...outputs, "--", "true"]);
    assert.equal(code, 66);
    assert.equal(stderr, `launcher: cannot read ${folder}/closed (permission denied)\n`);
    assert.deepEqual(savedPaths(folder, SHARE.doneFailed), ["outputs/open"]);
  });

  it("on the volume are saved from a foreign folder that can be searched but not read", { skip }, async (context) => {
    const folder = openFolder(context);
    mkdirSync(join(folder, "share", "private"));
    writeFileSync(join(folder, "share", "private", "file"), "1");
    chmodSync(join(folder, "share", "private"), 0o711);
    const { code, stderr } = await launch(folder, ["--output", "share/private/file", "--", "true"]);
    assert.equal(code, 0, stderr);
    await pushAndPull(folder, savedPaths(folder, SHARE.done));
    assert.deepEqual(readdirSync(join(folder, "pulled")), ["file"]);
  });

  it("may be a pattern that is longer than a name", async (context) => {
    const folder = openFolder(context);
    writeFileSync(join(folder, "a.dat"), "1");
    const { code, stderr } = await launch(folder, ["--output", `{${"l".repeat(250)},a}.dat`, "--", "true"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(savedPaths(folder, SHARE.done), ["outputs/a.dat"]);
  });

  it("on the volume with an unreadable file are open to the sidecar under umask 077", { skip }, async (context) => {
    const folder = openFolder(context);
    mkdirSync(join(folder, "share", "out"));
    chmodSync(join(folder, "share", "out"), 0o755);
    for (const name of ["file", "closed"]) writeFileSync(join(folder, "share", "out", name), name);
    chmodSync(join(folder, "share", "out", "closed"), 0o600);
    assert.equal((await launch(folder, ["--output", "share/out", "--", "true"], "077")).code, 66);
    await pushAndPull(folder, savedPaths(folder, SHARE.doneFailed));
    assert.deepEqual(readdirSync(join(folder, "pulled", "out")), ["file"]);
  });
});
