/** Artifacts in OCI layouts on disk, pushed and pulled by oras-push and by oras. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type ProcessResult, run, runTool } from "../../support/tools.ts";
import { ORAS_SKIP, oras } from "../support/clients.ts";
import { temporaryFolder } from "../support/temporary.ts";

describe("artifacts in an OCI layout", () => {
  const folder = temporaryFolder({ after });
  const push = (args: readonly string[]) => runTool("oras-push", ["--oci-layout", ...args], { cwd: folder });
  const pull = (args: readonly string[]) => runTool("oras-push", ["pull", "--oci-layout", ...args], { cwd: folder });

  before(() => {
    mkdirSync(join(folder, "analysis", "empty"), { recursive: true });
    writeFileSync(
      join(folder, "analysis", "data"),
      Buffer.alloc(9 << 20, Array.from({ length: 997 }, Math.random).join()),
    );
    writeFileSync(join(folder, "lammps.out"), "Loop time of 12.5347\n");
  });

  async function assertPulled(name: string): Promise<void> {
    for (const path of ["analysis", "lammps.out"]) {
      const { stdout, stderr } = await run("diff", ["-r", join(folder, name, path), join(folder, path)]);
      assert.equal(stdout + stderr, "");
    }
  }

  it("are pulled unchanged, by tag and by digest", async () => {
    const pushed = ok(await push(["results:1", "analysis", "lammps.out"]));
    const digest = /^Pushed \[oci-layout\] results:1\nDigest: (sha256:[0-9a-f]{64})\n$/.exec(pushed.stdout)?.[1];
    ok(await pull(["results:1", "-o", "by-tag"]));
    await assertPulled("by-tag");
    ok(await pull([`results@${digest}`, "-o", "by-digest"]));
    await assertPulled("by-digest");
  });

  it("are exchanged with oras in both directions", { skip: ORAS_SKIP }, async () => {
    await oras(["pull", "--oci-layout", "results:1", "-o", "by-oras"], folder);
    await assertPulled("by-oras");
    await oras(["push", "--oci-layout", "results:theirs", "analysis", "lammps.out"], folder);
    ok(await pull(["results:theirs", "-o", "theirs"]));
    await assertPulled("theirs");
    ok(await push(["results:2", "lammps.out"]));
    assert.deepEqual((await oras(["repo", "tags", "--oci-layout", "results"], folder)).split("\n").sort(), [
      "",
      "1",
      "2",
      "theirs",
    ]);
  });

  it("are pushed by one of several concurrent pushes with --no-clobber; the others exit with 73", async () => {
    const runs = Array.from({ length: 6 }, (_, index) =>
      push(["race:1", "lammps.out", "-a", `by=${index}`, "--no-clobber"]),
    );
    const codes = (await Promise.all(runs)).map(({ code }) => code).sort();
    assert.deepEqual(codes, [0, 73, 73, 73, 73, 73]);
    const same = await push(["race:1", "lammps.out", "-a", "by=other", "--no-clobber"]);
    assert.equal(same.code, 73);
    const { manifests } = JSON.parse(readFileSync(join(folder, "race", "index.json"), "utf8"));
    assert.equal(manifests.length, 1);
  });

  it("are pulled into one folder per tag with --all", async () => {
    ok(await push(["many:a", "lammps.out"]));
    ok(await push(["many:b", "lammps.out"]));
    ok(await pull(["--all", "many", "-o", "every"]));
    assert.deepEqual(readdirSync(join(folder, "every")).sort(), ["a", "b"]);
    assert.deepEqual(readFileSync(join(folder, "every", "b", "lammps.out")), readFileSync(join(folder, "lammps.out")));
  });

  it("keep all tags of concurrent pushes", async () => {
    const tags = Array.from({ length: 8 }, (_, index) => `run-${index}`);
    for (const ended of await Promise.all(tags.map((tag) => push([`shared:${tag}`, "lammps.out"])))) ok(ended);
    const { manifests } = JSON.parse(readFileSync(join(folder, "shared", "index.json"), "utf8"));
    const named = manifests.map(
      (entry: { annotations: Record<string, string> }) => Object.values(entry.annotations)[0],
    );
    assert.deepEqual(named.sort(), tags);
    assert.deepEqual(readdirSync(join(folder, "shared")).sort(), ["blobs", "index.json", "oci-layout"]);
  });

  it("are named in the error if the layout or the tag is missing", async () => {
    const missing = await pull(["nowhere:1"]);
    assert.equal(missing.code, 66);
    assert.match(missing.stderr, /^oras-push: nowhere is not an OCI layout \(it has no oci-layout file\)\n$/);
    const untagged = await pull(["many:c"]);
    assert.equal(untagged.code, 76);
    assert.match(untagged.stderr, /^oras-push: no artifact many:c \(not found\)\n$/);
  });

  it("are not restored if a blob was changed on disk", async () => {
    ok(await push(["broken:1", "lammps.out"]));
    const blobs = join(folder, "broken", "blobs", "sha256");
    for (const name of readdirSync(blobs)) {
      const path = join(blobs, name);
      if (readFileSync(path, "utf8").startsWith("Loop")) writeFileSync(path, "Loop time of 99.9999\n");
    }
    const pulled = await pull(["broken:1", "-o", "from-broken"]);
    assert.equal(pulled.code, 76);
    assert.match(pulled.stderr, /of lammps.out does not match its descriptor/);
    assert.deepEqual(readdirSync(join(folder, "from-broken")), []);
  });
});

function ok(ended: ProcessResult): ProcessResult {
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
}
