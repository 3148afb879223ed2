import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openLayout } from "oras-push/oci/layout/layout";
import { buildManifest, type StoredManifest } from "oras-push/oci/manifest";
import { digestOf } from "oras-push/oci/meter";
import { temporaryFolder } from "../../../support/temporary.ts";

const signal = new AbortController().signal;
const openForPush = (folder: string) => openLayout(folder, "pull,push", signal);
const bytes = Buffer.from("content");
const digest = digestOf(bytes);
const manifest = buildManifest({ layers: [], annotations: { content: "a" } });

async function* once(...chunks: Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

describe("a layout", () => {
  it("starts with the files of the specification", async (t) => {
    const folder = join(temporaryFolder(t), "new", "layout");
    await openForPush(folder);
    assert.deepEqual(readdirSync(folder).sort(), ["blobs", "index.json", "oci-layout"]);
    assert.deepEqual(JSON.parse(readFileSync(join(folder, "oci-layout"), "utf8")), { imageLayoutVersion: "1.0.0" });
    assert.deepEqual(JSON.parse(readFileSync(join(folder, "index.json"), "utf8")).manifests, []);
  });

  it("stores a blob under its digest in three ways, without leftovers", async (t) => {
    const folder = temporaryFolder(t);
    const layout = await openForPush(folder);
    const blob = { digest, size: bytes.length };
    assert.equal(await layout.hasBlob(digest, bytes.length), false);
    assert.deepEqual(await layout.pushStreamedBlob(() => once(bytes.subarray(0, 3), bytes.subarray(3))), blob);
    await layout.pushBlob(bytes, digest);
    await layout.pushKnownBlob(blob, () => once(bytes));
    assert.equal(await layout.hasBlob(digest, bytes.length), true);
    assert.deepEqual(readdirSync(join(folder, "blobs", "sha256")), [digest.slice(7)]);
    const read = await Array.fromAsync(layout.fetchBlob({ mediaType: "x/y", ...blob }));
    assert.deepEqual(Buffer.concat(read), bytes);
    assert.deepEqual(readdirSync(folder).sort(), ["blobs", "index.json", "oci-layout"]);
  });

  it("has no blob that is truncated or changed", async (t) => {
    const folder = temporaryFolder(t);
    const layout = await openForPush(folder);
    await layout.pushBlob(bytes, digest);
    for (const broken of [bytes.subarray(1), Buffer.alloc(bytes.length)]) {
      writeFileSync(join(folder, "blobs", "sha256", digest.slice(7)), broken);
      assert.equal(await layout.hasBlob(digest, bytes.length), false);
    }
  });

  it("does not store a blob that fails or changes", async (t) => {
    const folder = temporaryFolder(t);
    const layout = await openForPush(folder);
    async function* broken(): AsyncGenerator<Buffer> {
      yield bytes;
      throw new Error("the source failed");
    }
    await assert.rejects(layout.pushStreamedBlob(broken), /the source failed/);
    await assert.rejects(
      layout.pushKnownBlob({ digest, size: bytes.length }, () => once(Buffer.from("another"))),
      { code: "noInput" },
    );
    assert.deepEqual(readdirSync(join(folder, "blobs", "sha256")), []);
    assert.deepEqual(readdirSync(folder).sort(), ["blobs", "index.json", "oci-layout"]);
  });

  it("returns a manifest by tag and by digest, and rejects one that changed on disk", async (t) => {
    const folder = temporaryFolder(t);
    const layout = await openForPush(folder);
    await layout.pushManifest(manifest, "1");
    assert.deepEqual(await layout.fetchManifest("1"), manifest);
    assert.deepEqual(await layout.fetchManifest(manifest.descriptor.digest), manifest);
    assert.equal(await layout.fetchManifest("2"), undefined);
    writeFileSync(join(folder, "blobs", "sha256", manifest.descriptor.digest.slice(7)), "{}");
    await assert.rejects(layout.fetchManifest("1"), {
      code: "registry",
      message: /^the layout has a manifest with a wrong digest for 1$/,
    });
  });

  it("keeps all entries of concurrent pushes", async (t) => {
    const folder = temporaryFolder(t);
    const layouts = await Promise.all(Array.from({ length: 12 }, () => openForPush(folder)));
    const tags = Array.from({ length: 36 }, (_, index) => `tag-${index}`);
    await Promise.all(
      tags.map((tag, index) => {
        const own = buildManifest({ layers: [], annotations: { tag } });
        return layouts[index % layouts.length]?.pushManifest(own, tag);
      }),
    );
    assert.deepEqual((await (await openForPush(folder)).listTags()).sort(), tags.toSorted());
  });

  it("lets one of several concurrent additions win a tag, and returns its manifest to the others", async (t) => {
    const folder = temporaryFolder(t);
    const layouts = await Promise.all(Array.from({ length: 8 }, () => openForPush(folder)));
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
      for (const existing of found) if (existing !== undefined) assert.deepEqual(existing, winners[0]);
    }
  });

  it("rejects a folder that is not a layout, or has another version", async (t) => {
    const folder = temporaryFolder(t);
    const open = () => openLayout(folder, "pull", signal);
    await assert.rejects(open(), { code: "noInput", why: "it has no oci-layout file" });
    writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"2.0.0"}');
    await assert.rejects(open(), { code: "noInput", why: 'expected version 1.0.0, found "2.0.0"' });
    await assert.rejects(openForPush(folder), { code: "noInput" });
  });

  it("is named if it cannot be created", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "file"), "");
    const layout = join(folder, "file", "layout");
    await assert.rejects(openForPush(layout), {
      code: "cannotCreate",
      message: `cannot create the OCI layout ${layout}`,
    });
  });

  it("does not overwrite an invalid index", async (t) => {
    const folder = temporaryFolder(t);
    const layout = await openForPush(folder);
    writeFileSync(join(folder, "index.json"), "{");
    await assert.rejects(layout.pushManifest(manifest, "1"), { code: "noInput", why: "it is not JSON" });
    assert.equal(readFileSync(join(folder, "index.json"), "utf8"), "{");
  });

  it("names a missing blob", async (t) => {
    const folder = temporaryFolder(t);
    const layout = await openForPush(folder);
    const fetching = Array.fromAsync(layout.fetchBlob({ mediaType: "x/y", digest, size: 7 }));
    await assert.rejects(fetching, { code: "noInput", message: /^cannot read .*\/blobs\/sha256\// });
  });
});
