import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildManifest, ManifestError, parseManifest } from "oras-push/oci/manifest";
import { digestOf } from "oras-push/oci/meter";

const CREATED = { "org.opencontainers.image.created": "2023-11-14T22:13:20Z" };
const CONFIG =
  '"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"data":"e30="}';
const ABC = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

describe("a built manifest", () => {
  it("of a file has the same bytes as the one of oras", () => {
    const { bytes, descriptor } = buildManifest({
      layers: [
        {
          annotations: { "org.opencontainers.image.title": "größe <&>" },
          size: 3,
          digest: ABC,
          mediaType: "application/vnd.oci.image.layer.v1.tar",
        },
      ],
      annotations: { "z.last": "1", ...CREATED, "a.first": "2" },
    });
    assert.equal(
      bytes.toString(),
      '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",' +
        `"artifactType":"application/vnd.unknown.artifact.v1",${CONFIG},` +
        `"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"${ABC}","size":3,` +
        '"annotations":{"org.opencontainers.image.title":"größe <&>"}}],' +
        '"annotations":{"a.first":"2","org.opencontainers.image.created":"2023-11-14T22:13:20Z","z.last":"1"}}',
    );
    assert.deepEqual(descriptor, {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: digestOf(bytes),
      size: bytes.length,
    });
  });

  it("of an artifact without layers has the empty layer", () => {
    const { bytes } = buildManifest({ layers: [], annotations: CREATED });
    const { config, layers } = JSON.parse(bytes.toString()) as { config: unknown; layers: unknown[] };
    assert.deepEqual(layers, [config]);
  });

  it("has the given artifact type", () => {
    const { bytes } = buildManifest({ artifactType: "application/x", layers: [], annotations: {} });
    assert.equal(parseManifest(bytes).artifactType, "application/x");
  });

  it("has its size in bytes, not in characters", () => {
    const { bytes, descriptor } = buildManifest({ layers: [], annotations: { note: "ü".repeat(100) } });
    assert.equal(descriptor.size, bytes.length);
    assert.equal(bytes.length, bytes.toString().length + 100);
  });
});

describe("a parsed manifest", () => {
  it("has the layers and annotations of the built one", () => {
    const layer = { mediaType: "x/y", digest: ABC, size: 3, annotations: { a: "1" } } as const;
    const { bytes } = buildManifest({ layers: [layer], annotations: CREATED });
    const { layers, annotations } = parseManifest(bytes);
    assert.deepEqual(layers, [layer]);
    assert.deepEqual(annotations, CREATED);
  });

  it("may be a Docker manifest, or have no media type", () => {
    for (const mediaType of ["application/vnd.docker.distribution.manifest.v2+json", undefined])
      assert.deepEqual(parseManifest(Buffer.from(JSON.stringify({ mediaType, layers: [] }))).layers, []);
  });

  it("ignores annotations that are not text", () => {
    const text = JSON.stringify({
      layers: [{ mediaType: "x/y", digest: ABC, size: 0, annotations: { a: 1, b: "2" } }],
    });
    assert.deepEqual(parseManifest(Buffer.from(text)).layers[0]?.annotations, { b: "2" });
  });

  const layer = { mediaType: "x/y", digest: ABC, size: 3 };
  const bad: Record<string, [string, RegExp]> = {
    HTML: ["<html>sign in</html>", /not JSON/],
    "an empty body": ["", /not JSON/],
    "a JSON null": ["null", /not a JSON object/],
    "a JSON number": ["1", /not a JSON object/],
    "an index": [
      '{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}',
      /expected an image manifest, found "application\/vnd.oci.image.index.v1\+json"/,
    ],
    "missing layers": ["{}", /no layers/],
    "a layer that is null": ['{"layers":[null]}', /no media type/],
    "a digest of another algorithm": [
      JSON.stringify({ layers: [{ ...layer, digest: "md5:1" }] }),
      /expected a sha256 digest for a layer, found "md5:1"/,
    ],
    "a negative size": [JSON.stringify({ layers: [{ ...layer, size: -1 }] }), /invalid size/],
    "a size that is a fraction": [JSON.stringify({ layers: [{ ...layer, size: 1.5 }] }), /invalid size/],
    "a size that is not a safe integer": [JSON.stringify({ layers: [{ ...layer, size: 2 ** 60 }] }), /invalid size/],
  };
  for (const [what, [text, message]] of Object.entries(bad))
    it(`rejects ${what}`, () => {
      assert.throws(
        () => parseManifest(Buffer.from(text)),
        (error) => error instanceof ManifestError && message.test(error.message),
      );
    });
});
