import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { openLayout } from "oras-push/oci/layout/layout";
import { buildManifest, type StoredManifest } from "oras-push/oci/manifest";
import { digestOf } from "oras-push/oci/meter";
import { temporaryFolder } from "../../../support/temporary.ts";

const signal = new AbortController().signal;
const opened = (folder: string) => openLayout(folder, "pull,push", signal);
const bytes = Buffer.from("content");
const digest = digestOf(bytes);
const manifest = buildManifest({ layers: [], annotations: { content: "a" } });

async function* once(...chunks: Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

it("an empty layout is what the specification says", async (t) => {
  const folder = join(temporaryFolder(t), "new", "layout");
  await opened(folder);
  assert.deepEqual(readdirSync(folder).sort(), ["blobs", "index.json", "oci-layout"]);
  assert.deepEqual(JSON.parse(readFileSync(join(folder, "oci-layout"), "utf8")), { imageLayoutVersion: "1.0.0" });
  assert.deepEqual(JSON.parse(readFileSync(join(folder, "index.json"), "utf8")).manifests, []);
});

it("a blob is stored under its digest by each of three ways, and nothing else is left", async (t) => {
  const folder = temporaryFolder(t);
  const layout = await opened(folder);
  const blob = { digest, size: bytes.length };
  assert.equal(await layout.hasBlob(digest), false);
  assert.deepEqual(await layout.pushStreamedBlob(() => once(bytes.subarray(0, 3), bytes.subarray(3))), blob);
  await layout.pushBlob(bytes, digest);
  await layout.pushKnownBlob(blob, () => once(bytes));
  assert.equal(await layout.hasBlob(digest), true);
  assert.deepEqual(readdirSync(join(folder, "blobs", "sha256")), [digest.slice(7)]);
  const read = await Array.fromAsync(layout.fetchBlob({ mediaType: "x/y", ...blob }));
  assert.deepEqual(Buffer.concat(read), bytes);
  assert.deepEqual(readdirSync(folder).sort(), ["blobs", "index.json", "oci-layout"]);
});

it("a blob that breaks off, or is not what it was, is not stored", async (t) => {
  const folder = temporaryFolder(t);
  const layout = await opened(folder);
  async function* broken(): AsyncGenerator<Buffer> {
    yield bytes;
    throw new Error("broke off");
  }
  await assert.rejects(layout.pushStreamedBlob(broken), /broke off/);
  await assert.rejects(
    layout.pushKnownBlob({ digest, size: bytes.length }, () => once(Buffer.from("another"))),
    { code: "noInput" },
  );
  assert.deepEqual(readdirSync(join(folder, "blobs", "sha256")), []);
  assert.deepEqual(readdirSync(folder).sort(), ["blobs", "index.json", "oci-layout"]);
});

it("a manifest is had by tag and by digest, and one that was changed on disk is refused", async (t) => {
  const folder = temporaryFolder(t);
  const layout = await opened(folder);
  await layout.pushManifest(manifest, "1");
  assert.deepEqual(await layout.fetchManifest("1"), manifest);
  assert.deepEqual(await layout.fetchManifest(manifest.descriptor.digest), manifest);
  assert.equal(await layout.fetchManifest("2"), undefined);
  writeFileSync(join(folder, "blobs", "sha256", manifest.descriptor.digest.slice(7)), "{}");
  await assert.rejects(layout.fetchManifest("1"), { code: "registry", message: /not the one that was asked for/ });
});

it("no entry of the index is lost when many push at once", async (t) => {
  const folder = temporaryFolder(t);
  const layouts = await Promise.all(Array.from({ length: 12 }, () => opened(folder)));
  const tags = Array.from({ length: 36 }, (_, index) => `tag-${index}`);
  await Promise.all(
    tags.map((tag, index) => {
      const own = buildManifest({ layers: [], annotations: { tag } });
      return layouts[index % layouts.length]?.pushManifest(own, tag);
    }),
  );
  assert.deepEqual((await (await opened(folder)).listTags()).sort(), tags.toSorted());
});

it("of many that add a manifest under one tag at once one does, and the others are given that", async (t) => {
  const folder = temporaryFolder(t);
  const layouts = await Promise.all(Array.from({ length: 8 }, () => opened(folder)));
  for (let round = 0; round < 5; round++) {
    const tag = `round-${round}`;
    const manifests = layouts.map((_, index) =>
      buildManifest({ layers: [], annotations: { by: `${round}-${index}` } }),
    );
    const found = await Promise.all(
      layouts.map((layout, index) => layout.addManifest(manifests[index] as StoredManifest, tag)),
    );
    const winners = manifests.filter((_, index) => found[index] === undefined);
    assert.equal(winners.length, 1);
    assert.deepEqual(await layouts[0]?.fetchManifest(tag), winners[0]);
    for (const there of found) if (there !== undefined) assert.deepEqual(there, winners[0]);
  }
});

it("a folder that is no layout, or one of another version, is not pulled from", async (t) => {
  const folder = temporaryFolder(t);
  const open = () => openLayout(folder, "pull", signal);
  await assert.rejects(open(), { code: "noInput", why: "there is no oci-layout in it" });
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"2.0.0"}');
  await assert.rejects(open(), { code: "noInput", why: 'its version is "2.0.0", not 1.0.0' });
  await assert.rejects(opened(folder), { code: "noInput" });
});

it("a layout that cannot be made is named", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "file"), "");
  const layout = join(folder, "file", "layout");
  await assert.rejects(opened(layout), { code: "cannotCreate", message: `cannot make the OCI layout ${layout}` });
});

it("an index that is broken is named, and not written over", async (t) => {
  const folder = temporaryFolder(t);
  const layout = await opened(folder);
  writeFileSync(join(folder, "index.json"), "{");
  await assert.rejects(layout.pushManifest(manifest, "1"), { code: "noInput", why: "it is not JSON" });
  assert.equal(readFileSync(join(folder, "index.json"), "utf8"), "{");
});

it("a blob that is missing is named", async (t) => {
  const folder = temporaryFolder(t);
  const layout = await opened(folder);
  const fetching = Array.fromAsync(layout.fetchBlob({ mediaType: "x/y", digest, size: 7 }));
  await assert.rejects(fetching, { code: "noInput", message: /^cannot read .*\/blobs\/sha256\// });
});
