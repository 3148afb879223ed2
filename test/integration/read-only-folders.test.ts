/** Folders without write permission for their owner, restored by a user who is not root. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type MemoryRegistry, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { runTool } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";

const NOBODY = 65534;
const TIME = 1_000_000_000;

describe("folders without write permission", () => {
  const folder = temporaryFolder({ after });
  let registry: MemoryRegistry;
  const reference = (tag: string) => `${registry.address}/run:${tag}`;

  before(async () => {
    registry = await startMemoryRegistry();
    chmodSync(folder, 0o755);
    const inner = join(folder, "analysis", "inner");
    mkdirSync(join(inner, "empty"), { recursive: true });
    writeFileSync(join(inner, "data"), "data\n");
    for (const path of [join(inner, "empty"), inner, join(folder, "analysis")]) {
      utimesSync(path, TIME, TIME);
      chmodSync(path, 0o555);
    }
    const pushed = await runTool("oras-push", [reference("1"), "analysis"], { cwd: folder });
    assert.equal(pushed.code, 0, pushed.stderr);
  });
  after(() => registry.close());

  /** Pulls as a normal user, because the modes of folders do not restrict root. */
  function pullAsUser(tag: string, to: string) {
    const place = join(folder, to);
    if (!existsSync(place)) mkdirSync(place);
    const root = process.getuid?.() === 0;
    if (root) chownSync(place, NOBODY, NOBODY);
    return runTool("oras-push", ["pull", reference(tag), "-o", place], {
      ...(root ? { uid: NOBODY, gid: NOBODY } : {}),
    });
  }

  it("are restored with their modes and times", async () => {
    const pulled = await pullAsUser("1", "fresh");
    assert.equal(pulled.code, 0, pulled.stderr);
    for (const path of ["analysis", "analysis/inner", "analysis/inner/empty"]) {
      const { mode, mtimeMs } = statSync(join(folder, "fresh", path));
      assert.equal(mode & 0o7777, 0o555, path);
      assert.equal(mtimeMs, TIME * 1000, path);
    }
    assert.deepEqual(readdirSync(join(folder, "fresh")), ["analysis"]);
  });

  it("are merged into an existing folder, which keeps its mode", async () => {
    const there = join(folder, "merged", "analysis");
    mkdirSync(there, { recursive: true });
    if (process.getuid?.() === 0) chownSync(there, NOBODY, NOBODY);
    chmodSync(there, 0o750);
    const pulled = await pullAsUser("1", "merged");
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.equal(statSync(there).mode & 0o7777, 0o750);
    assert.equal(statSync(join(there, "inner")).mode & 0o7777, 0o555);
  });

  it("are removed when a pull fails", async () => {
    const manifest = JSON.parse(String(registry.manifests.get("run:1")?.bytes));
    manifest.layers.push({ ...manifest.layers[0], digest: `sha256:${"0".repeat(64)}` });
    registry.manifests.set("run:broken", {
      bytes: Buffer.from(JSON.stringify(manifest)),
      mediaType: manifest.mediaType,
    });
    const pulled = await pullAsUser("broken", "failed");
    assert.equal(pulled.code, 76, pulled.stderr);
    assert.deepEqual(readdirSync(join(folder, "failed")), []);
  });
});
