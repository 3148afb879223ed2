import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY_INDEX, findEntry, parseIndex, tagsOf, withManifest } from "oras-push/oci/layout/layout-index";
import { OCI_MANIFEST, REF_NAME } from "oras-push/oci/media-types";
import { digestOf } from "oras-push/oci/meter";

const manifest = (content: string) => {
  const bytes = Buffer.from(content);
  return { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length };
};
const A = manifest("a");
const B = manifest("bb");

describe("a layout index", () => {
  it("finds a manifest by its tag and by its digest", () => {
    const index = withManifest(withManifest(EMPTY_INDEX, A, "1"), B, "2");
    assert.deepEqual(tagsOf(index), ["1", "2"]);
    assert.equal(findEntry(index, "2")?.digest, B.digest);
    assert.equal(findEntry(index, A.digest)?.size, A.size);
    assert.equal(findEntry(index, "3"), undefined);
  });

  it("keeps a manifest that lost its tag, in one entry", () => {
    const index = withManifest(withManifest(withManifest(EMPTY_INDEX, A, "1"), B, "1"), A, "1");
    assert.deepEqual(index.manifests, [B, { ...A, annotations: { [REF_NAME]: "1" } }]);
  });

  it("may have several tags for one manifest, and ignores a repeated push", () => {
    const index = withManifest(withManifest(EMPTY_INDEX, A, "1"), A, "2");
    assert.deepEqual(tagsOf(index), ["1", "2"]);
    assert.equal(withManifest(index, A, "2"), index);
    assert.deepEqual(withManifest(index, A), index);
  });

  it("keeps the fields and annotations of other tools", () => {
    const foreign = {
      ...B,
      artifactType: "x/y",
      platform: { os: "linux" },
      annotations: { [REF_NAME]: "1", other: "kept" },
    };
    const index = parseIndex(
      JSON.stringify({ schemaVersion: 2, annotations: { index: "kept" }, manifests: [foreign] }),
    );
    assert.deepEqual(withManifest(index, A, "1"), {
      schemaVersion: 2,
      annotations: { index: "kept" },
      manifests: [
        { ...foreign, annotations: { other: "kept" } },
        { ...A, annotations: { [REF_NAME]: "1" } },
      ],
    });
  });

  it("keeps an entry with a platform if the same manifest gets a tag", () => {
    const foreign = { ...A, platform: { os: "linux" } };
    const index = withManifest({ manifests: [foreign] }, A, "1");
    assert.deepEqual(index.manifests, [foreign, { ...A, annotations: { [REF_NAME]: "1" } }]);
  });

  it("is rejected if it is invalid", () => {
    for (const text of [
      "",
      "null",
      "[]",
      '{"manifests":{}}',
      '{"manifests":[{"mediaType":"x"}]}',
      '{"manifests":[null]}',
    ])
      assert.throws(() => parseIndex(text), { name: "LayoutIndexError" }, text);
  });
});
