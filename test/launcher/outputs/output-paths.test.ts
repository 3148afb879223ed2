/** Outputs: paths and patterns. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { resolveOutputs as resolve } from "launcher/outputs/output-paths";
import type { ToolError } from "shared/cli/tool-error";
import { runTool } from "../../../support/tools.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const pathOf = (path: string) => ({ path });

/** Resolves outputs, and throws the first failure. */
function resolveOutputs(outputs: string[], taken: string[]) {
  return resolve(outputs.map(pathOf), taken, (_, failure) => {
    throw failure;
  });
}

/** Resolves outputs. Returns the paths, and the failures as text. */
function resolveAll(outputs: string[]) {
  const failures: string[] = [];
  const report = (_: string, { message, why }: ToolError) => failures.push(`${message} (${why})`);
  const paths = resolve(outputs.map(pathOf), [], report).flatMap(({ paths }) => paths);
  // The launcher counts each failed path only once, so this line removes repeated failures.
  return { paths, failures: [...new Set(failures)] };
}

function folderWith(context: TestContext, ...names: string[]): string {
  const folder = temporaryFolder(context);
  mkdirSync(join(folder, "sub"));
  for (const name of names) writeFileSync(join(folder, name), name);
  return folder;
}

describe("outputs", () => {
  it("are the matches of a pattern in the order of their names, with a leading dot only if the pattern has one", (context) => {
    const folder = folderWith(context, "b.xyz", "a.xyz", ".hidden.xyz", "c.log", "sub/d.xyz");
    const found = (pattern: string) => resolveOutputs([`${folder}/${pattern}`], []).flatMap(({ paths }) => paths);
    const inFolder = (...names: string[]) => names.map((name) => join(folder, name));
    assert.deepEqual(found("*.xyz"), inFolder("a.xyz", "b.xyz"));
    assert.deepEqual(found(".*.xyz"), inFolder(".hidden.xyz"));
    assert.deepEqual(found("{a,c}.*"), inFolder("a.xyz", "c.log"));
    assert.deepEqual(found("[ab].xyz"), inFolder("a.xyz", "b.xyz"));
    assert.deepEqual(found("**/d.xyz"), inFolder("sub/d.xyz"));
  });

  it("are literal if a path of this name exists, also as a dangling link", (context) => {
    const folder = folderWith(context, "a[1].txt", "a1.txt");
    symlinkSync("nowhere", join(folder, "l*"));
    for (const name of ["a[1].txt", "l*"])
      assert.deepEqual(resolveOutputs([join(folder, name)], []), [
        { output: { path: join(folder, name) }, paths: [join(folder, name)] },
      ]);
  });

  it("are listed once if two of them match the same path", (context) => {
    const folder = folderWith(context, "a", "b");
    const outputs = [join(folder, "a"), `${folder}/{a,b}`, `${folder}/./a*`];
    assert.deepEqual(
      resolveOutputs(outputs, []).map(({ paths }) => paths),
      [[join(folder, "a")], [join(folder, "b")]],
    );
  });

  it("fail with the name of a match that is not UTF-8", (context) => {
    const folder = folderWith(context, "a.xyz");
    const name = Buffer.from(`${folder}/b\xff.xyz`, "latin1");
    writeFileSync(name, "");
    assert.throws(() => resolveOutputs([`${folder}/*.xyz`], []), {
      code: "noInput",
      message: `cannot read ${folder}/b\ufffd.xyz`,
      why: "its name is not UTF-8 text",
    });
    rmSync(name);
    writeFileSync(join(folder, "c\ufffd.log"), "");
    assert.equal(resolveOutputs([`${folder}/*.log`], [])[0]?.paths.length, 1);
  });

  it("fail with both paths if two have the same name", (context) => {
    const folder = folderWith(context, "a", "sub/a", "stdout.log");
    assert.throws(() => resolveOutputs([`${folder}/a`, `${folder}/sub/*`], []), {
      code: "copyFailed",
      message: 'two outputs are named "a"',
      why: `${folder}/a, ${folder}/sub/a`,
    });
    assert.throws(() => resolveOutputs([`${folder}/*.log`], ["stdout.log"]), /two outputs are named "stdout.log"/);
  });

  it("without a conflict are resolved if others have the same name", (context) => {
    const folder = folderWith(context, "a", "b", "sub/a");
    assert.deepEqual(resolveAll([`${folder}/b`, `${folder}/{.,sub}/a`]), {
      paths: [join(folder, "b"), join(folder, "a")],
      failures: [`two outputs are named "a" (${folder}/a, ${folder}/sub/a)`],
    });
  });

  it("are saved as one folder if patterns match more than 1,000 paths", (context) => {
    const folder = folderWith(context);
    for (let i = 0; i < 1001; i++) writeFileSync(join(folder, `${i}.dat`), "");
    const [one, other, ...rest] = resolveOutputs([`${folder}/?.dat`, `${folder}/*.dat`], []);
    assert.deepEqual(
      [one?.paths.length, one?.folder, other?.paths.length, other?.folder],
      [10, undefined, 991, folder],
    );
    assert.deepEqual(rest, []);
    const [all] = resolveOutputs([`${folder}/*.{dat,x}`, `${folder}/sub`], []);
    assert.deepEqual([all?.paths.length, all?.folder], [1001, folder]);
  });

  it("name each folder that a pattern cannot read", { skip: process.getuid?.() === 0 }, (context) => {
    const folder = folderWith(context, "sub/x.dat");
    mkdirSync(join(folder, "closed"));
    writeFileSync(join(folder, "file"), "");
    chmodSync(join(folder, "closed"), 0);
    const expected = {
      paths: [join(folder, "sub/x.dat")],
      failures: [`cannot read ${folder}/closed (permission denied)`],
    };
    for (const pattern of ["*/*.dat", "**/*.dat", "{closed,sub}/x*", "{closed/x,sub/x}.dat"])
      assert.deepEqual(resolveAll([`${folder}/${pattern}`]), expected, pattern);
    assert.deepEqual(resolveAll([`${folder}/s*/*.dat`]).failures, []);
  });

  it("are matched after the command has ended", async (context) => {
    const folder = folderWith(context, "before.xyz");
    const share = join(folder, "share");
    const env = { ORAS_SHARE: share, ORAS_OUTPUT: "*.xyz\n*.nothing", PATH: process.env.PATH };
    const options = { cwd: folder, env };
    const args = ["-q", "--allow-missing-output", "--"];
    const { code, stderr } = await runTool("launcher", [...args, "touch", "after.xyz"], options);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "launcher: missing output *.nothing\n" });
    assert.deepEqual(readdirSync(join(share, "outputs")), ["after.xyz", "before.xyz"]);
    const marker = JSON.parse(readFileSync(join(share, "oras-operator-done.txt"), "utf8"));
    assert.deepEqual(
      marker.outputs.map(({ path }: { path: string }) => path),
      ["outputs/after.xyz", "outputs/before.xyz"],
    );
  });

  it("are missing if a pattern matches nothing", async (context) => {
    const folder = temporaryFolder(context);
    const env = { ORAS_SHARE: join(folder, "share"), PATH: process.env.PATH };
    const { code, stderr } = await runTool("launcher", ["-q", "NA", `${folder}/*.xyz`, "true"], { env });
    assert.equal(code, 66);
    assert.equal(stderr, `launcher: missing output ${folder}/*.xyz (the command did not write it)\n`);
  });
});
