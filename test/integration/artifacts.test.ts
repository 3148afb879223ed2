/** The same tests for every registry: oras-push and oras pull the pushed artifacts unchanged. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { run, runTool } from "../../support/tools.ts";
import { ORAS_SKIP, oras } from "../support/clients.ts";
import { noise } from "../support/noise.ts";
import { REGISTRIES } from "../support/registries.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** A folder and files that are hard to store: unusual names, modes, links, empty and large content. */
function makeSources(folder: string): void {
  const tree = join(folder, "analysis");
  mkdirSync(join(tree, "empty"), { recursive: true });
  mkdirSync(join(tree, "deep", "x".repeat(90), "y".repeat(90)), { recursive: true });
  writeFileSync(join(tree, "x y"), "a  b\n");
  writeFileSync(join(tree, ".hidden"), "dot\n");
  writeFileSync(join(tree, "größe\nзеленый \\ -n"), "names\n");
  writeFileSync(join(tree, "-rf"), "");
  writeFileSync(join(tree, "deep", "x".repeat(90), "y".repeat(90), "z".repeat(120)), "long\n");
  writeFileSync(join(tree, "numbers"), Array.from({ length: 400_000 }, (_, index) => `${index * 7919}\n`).join(""));
  writeFileSync(join(tree, "noise"), noise(9 << 20));
  chmodSync(join(tree, "x y"), 0o640);
  utimesSync(join(tree, "x y"), 1_000_000_000, 1_000_000_000);
  symlinkSync("x y", join(tree, "link"));
  symlinkSync("nothing", join(tree, "dangling"));
  writeFileSync(join(folder, "lammps.out"), "Loop time of 12.5347 on 4 procs\n");
  writeFileSync(join(folder, "nothing.out"), "");
}

async function assertSameTree(actual: string, expected: string): Promise<void> {
  const { stdout, stderr } = await run("diff", ["-r", "--no-dereference", actual, expected]);
  assert.equal(stdout + stderr, "");
}

for (const kind of REGISTRIES) {
  describe(`artifacts in ${kind.name}`, { skip: kind.skip }, () => {
    const folder = temporaryFolder({ after });
    let registry: Awaited<ReturnType<typeof kind.start>>;
    const reference = (name: string) => `${registry.address}/metric/${name}`;

    before(async () => {
      makeSources(folder);
      registry = await kind.start(folder);
    });
    after(() => registry.close());

    it("are pulled by oras-push as they were pushed", async () => {
      const pushed = await runTool("oras-push", [reference("ours:1"), "analysis", "lammps.out", "nothing.out"], {
        cwd: folder,
      });
      assert.equal(pushed.code, 0, pushed.stderr);
      assert.match(pushed.stdout, /^Pushed \[registry\] \S+\/metric\/ours:1\nDigest: sha256:[0-9a-f]{64}\n$/);
      const pulled = await runTool("oras-push", ["pull", reference("ours:1"), "-o", "ours"], { cwd: folder });
      assert.equal(pulled.code, 0, pulled.stderr);
      await assertSameTree(join(folder, "ours", "analysis"), join(folder, "analysis"));
      for (const name of ["lammps.out", "nothing.out"])
        assert.deepEqual(readFileSync(join(folder, "ours", name)), readFileSync(join(folder, name)));
    });

    it("keep modes and times", async () => {
      const pulled = statSync(join(folder, "ours", "analysis", "x y"));
      assert.equal(pulled.mode & 0o7777, 0o640);
      assert.equal(pulled.mtimeMs, 1_000_000_000_000);
    });

    it("are pulled by oras as oras-push pushed them", { skip: ORAS_SKIP }, async () => {
      await oras(["pull", "--plain-http", reference("ours:1"), "-o", "by-oras"], folder);
      await assertSameTree(join(folder, "by-oras", "analysis"), join(folder, "analysis"));
      for (const name of ["lammps.out", "nothing.out"])
        assert.deepEqual(readFileSync(join(folder, "by-oras", name)), readFileSync(join(folder, name)));
    });

    it("are pulled by oras-push as oras pushed them", { skip: ORAS_SKIP }, async () => {
      await oras(["push", "--plain-http", reference("theirs:1"), "analysis", "lammps.out"], folder);
      const pulled = await runTool("oras-push", ["pull", reference("theirs:1"), "-o", "theirs"], { cwd: folder });
      assert.equal(pulled.code, 0, pulled.stderr);
      await assertSameTree(join(folder, "theirs", "analysis"), join(folder, "analysis"));
      assert.deepEqual(readFileSync(join(folder, "theirs", "lammps.out")), readFileSync(join(folder, "lammps.out")));
    });

    it("are pulled by oras-push if oras pushed `.`, as the ORAS Operator does", { skip: ORAS_SKIP }, async () => {
      await oras(["push", "--plain-http", reference("theirs:dot"), "."], join(folder, "analysis"));
      const pulled = await runTool("oras-push", ["pull", reference("theirs:dot"), "-o", "dot"], { cwd: folder });
      assert.equal(pulled.code, 0, pulled.stderr);
      await assertSameTree(join(folder, "dot"), join(folder, "analysis"));
    });

    it("are not sent again if the registry has the blobs", async () => {
      const args = [reference("again:1"), "lammps.out", "--format", "json"];
      const first = await runTool("oras-push", args, { cwd: folder });
      const second = await runTool("oras-push", args, { cwd: folder });
      assert.equal(JSON.parse(second.stdout).skipped, 1);
      assert.deepEqual(JSON.parse(second.stdout).layers, JSON.parse(first.stdout).layers);
    });

    it("have the same digest on every push with SOURCE_DATE_EPOCH", async () => {
      const env = { SOURCE_DATE_EPOCH: "1700000000" };
      const digests = [];
      for (const tag of ["a", "b"]) {
        const args = [reference(`same:${tag}`), "analysis", "--format", "json"];
        digests.push(JSON.parse((await runTool("oras-push", args, { cwd: folder, env })).stdout).digest);
      }
      assert.equal(digests[0], digests[1]);
    });

    it("cause exit code 76 and one line if they are missing", async () => {
      const { code, stderr } = await runTool("oras-push", ["pull", reference("none:1"), "-o", "none"], { cwd: folder });
      assert.equal(code, 76);
      assert.match(stderr, /^oras-push: no artifact \S+\/metric\/none:1 \(not found\)\n$/);
    });
  });
}
