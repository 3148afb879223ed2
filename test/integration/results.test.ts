/** The commands for results, on a registry with thousands of tags. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ANNOTATIONS } from "oras-push/oci/annotations";
import { buildManifest } from "oras-push/oci/manifest";
import { OCI_MANIFEST } from "oras-push/oci/media-types";
import { digestOf } from "oras-push/oci/meter";
import { type MemoryRegistry, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { runTool, startTool } from "../../support/tools.ts";
import { FIRST_START, fillRegistry, runAnnotations, type StoredResult, storeResult } from "../support/results.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { watchProcess } from "../support/watch-process.ts";

const REPOSITORIES = 50;
const TAGS = 60;
/** The limits for a command that lists all tags: CPU time in seconds, and memory in MiB. */
const SECONDS = 5;
const MEMORY = 64;

describe(`a registry with ${REPOSITORIES * TAGS} tags`, () => {
  let registry: MemoryRegistry;
  let stored: readonly StoredResult[];
  before(async () => {
    registry = await startMemoryRegistry();
    stored = fillRegistry(registry, REPOSITORIES, TAGS);
  });
  after(() => registry.close());

  it(`is listed in ${SECONDS} s and ${MEMORY} MiB, and what cannot be read is named`, async (t) => {
    const started = performance.now();
    const running = startTool("oras-push", ["list", "--format", "json", registry.address]);
    const seen = await watchProcess(running);
    const { code, stdout, stderr } = await running.ended;
    const seconds = (performance.now() - started) / 1000;
    t.diagnostic(`${seconds.toFixed(1)} s, ${seen.cpuSeconds} s of the processor, at most ${seen.peakMemory} MiB`);
    const rows = lines(stdout);
    const expected = stored.filter(({ kind }) => kind !== "broken");
    assert.deepEqual(
      rows.map(({ reference, state, digest }) => `${reference} ${state} ${digest}`).sort(),
      expected
        .map(
          ({ repository, tag, kind, digest }) => `${registry.address}/${repository}:${tag} ${stateOf(kind)} ${digest}`,
        )
        .sort(),
    );
    for (const { repository, tag } of stored.filter(({ kind }) => kind === "broken"))
      assert.ok(stderr.includes(`cannot read ${registry.address}/${repository}:${tag} (it is not JSON)`), tag);
    assert.equal(code, 76);
    assert.match(stderr, /375 artifacts or repositories could not be read\n/);
    // Other processes may use the processors at the same time. So the test checks the CPU time of the tool, not the
    // elapsed time.
    assert.ok(seen.cpuSeconds > 0 && seen.cpuSeconds < SECONDS, `${seen.cpuSeconds} s`);
    assert.ok(seen.peakMemory > 0 && seen.peakMemory < MEMORY, `${seen.peakMemory} MiB`);
  });

  it("is filtered by path, state and start, and sorted by start", async () => {
    const since = new Date(FIRST_START + 2000 * 60_000).toISOString();
    const args = ["list", "--format", "json", "--state", "failed", "--since", since, `${registry.address}/group-1/`];
    const { stdout } = await runTool("oras-push", args);
    const rows = lines(stdout);
    const expected = stored.flatMap(({ repository, tag, kind }, index) =>
      repository.startsWith("group-1/") && kind === "failed" && index >= 2000
        ? [`${registry.address}/${repository}:${tag}`]
        : [],
    );
    assert.ok(expected.length > 10);
    assert.deepEqual(
      rows.map(({ reference }) => reference),
      expected,
    );
  });

  it("has the lineage of an artifact that was made from a hundred others", async () => {
    const used = stored.filter(({ kind }) => kind === "succeeded").slice(0, 100);
    const inputs = used.map(({ repository, tag, digest }) => ({
      reference: `${registry.address}/${repository}:${tag}`,
      digest,
    }));
    const annotations = { ...runAnnotations(5000), [ANNOTATIONS.inputs]: JSON.stringify(inputs) };
    const { bytes } = buildManifest({ layers: [], annotations });
    storeResult(registry, "group-0/all", "1", { bytes, mediaType: OCI_MANIFEST });
    const args = ["lineage", "--format", "json", `${registry.address}/group-0/all:1`];
    const { code, stdout } = await runTool("oras-push", args);
    assert.equal(code, 0);
    assert.deepEqual(
      lines(stdout).map(({ reference, digest, state }) => ({ reference, digest, state })),
      [
        { reference: `${registry.address}/group-0/all:1`, digest: digestOf(bytes), state: "succeeded" },
        ...inputs.map((input) => ({ ...input, state: "succeeded" })),
      ],
    );
  });

  it("is reported with all runs that can be read", async (t) => {
    const file = join(temporaryFolder(t), "report.html");
    const { code, stdout } = await runTool("oras-push", ["report", registry.address, "-o", file]);
    assert.equal(code, 76);
    assert.equal(stdout, `Wrote ${file}: 2626 runs\n`);
    const page = readFileSync(file, "utf8");
    t.diagnostic(`${page.length >> 10} KiB`);
    assert.equal(page.split('<tr role="row" data-state="').length - 1, 2626);
    assert.equal(page.split('data-state="failed"').length - 1, 375);
    assert.equal(page.split('<path class="edge"').length - 1, 100);
    assert.equal(page.split("<li><code>").length - 1, 375);
  });

  it("is pruned by rules, and loses nothing else", async () => {
    const args = ["prune", "--state", "failed,checkpoint", "--keep", "2", "--yes", registry.address];
    const { code, stdout, stderr } = await runTool("oras-push", args);
    assert.equal(code, 0, stderr);
    const of = (kinds: readonly string[], repository: string) =>
      stored.filter((one) => one.repository === repository && kinds.includes(one.kind));
    const repositories = [...new Set(stored.map(({ repository }) => repository))];
    const deleted = new Set(repositories.flatMap((name) => of(["failed", "checkpoint"], name).slice(0, -2)));
    assert.match(stdout, new RegExp(`\\ndeleted ${deleted.size} of ${deleted.size} artifacts\\n$`));
    for (const one of stored)
      assert.equal(registry.manifests.has(`${one.repository}:${one.tag}`), !deleted.has(one), one.tag);
  });
});

function lines(stdout: string): { reference: string; state: string; digest: string }[] {
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

function stateOf(kind: string): string {
  return ["foreign", "image", "index"].includes(kind) ? "other" : kind;
}
