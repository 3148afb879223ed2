import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildManifest, ManifestError, parseManifest } from "oras-push/oci/manifest";
import { digestOf } from "oras-push/oci/meter";

const CREATED = { "org.opencontainers.image.created": "2023-11-14T22:13:20Z" };
const CONFIG =
  '"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"data":"e30="}';
const ABC = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

describe("building a manifest", () => {
  it("a file's manifest is these bytes, as oras would write them", () => {
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

  it("an artifact without layers gets the empty one", () => {
    const { bytes } = buildManifest({ layers: [], annotations: CREATED });
    const { config, layers } = JSON.parse(bytes.toString()) as { config: unknown; layers: unknown[] };
    assert.deepEqual(layers, [config]);
  });

  it("the artifact type is the user's", () => {
    const { bytes } = buildManifest({ artifactType: "application/x", layers: [], annotations: {} });
    assert.equal(parseManifest(bytes).artifactType, "application/x");
  });

  it("the size is counted in bytes, not in characters", () => {
    const { bytes, descriptor } = buildManifest({ layers: [], annotations: { note: "ü".repeat(100) } });
    assert.equal(descriptor.size, bytes.length);
    assert.equal(bytes.length, bytes.toString().length + 100);
  });
});

describe("reading a manifest", () => {
  it("what was built is read back", () => {
    const layer = { mediaType: "x/y", digest: ABC, size: 3, annotations: { a: "1" } } as const;
    const { bytes } = buildManifest({ layers: [layer], annotations: CREATED });
    const { layers, annotations } = parseManifest(bytes);
    assert.deepEqual(layers, [layer]);
    assert.deepEqual(annotations, CREATED);
  });

  it("a Docker manifest and one without a media type are read too", () => {
    for (const mediaType of ["application/vnd.docker.distribution.manifest.v2+json", undefined])
      assert.deepEqual(parseManifest(Buffer.from(JSON.stringify({ mediaType, layers: [] }))).layers, []);
  });

  it("annotations that are no text are left out", () => {
    const text = JSON.stringify({
      layers: [{ mediaType: "x/y", digest: ABC, size: 0, annotations: { a: 1, b: "2" } }],
    });
    assert.deepEqual(parseManifest(Buffer.from(text)).layers[0]?.annotations, { b: "2" });
  });

  const layer = { mediaType: "x/y", digest: ABC, size: 3 };
  const bad: Record<string, [string, RegExp]> = {
    "HTML in the place of JSON": ["<html>sign in</html>", /not JSON/],
    "an empty body": ["", /not JSON/],
    "a JSON null": ["null", /not a JSON object/],
    "a JSON number": ["1", /not a JSON object/],
    "an index": [
      '{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}',
      /"application\/vnd.oci.image.index.v1\+json", not an image manifest/,
    ],
    "no layers": ["{}", /no layers/],
    "a layer that is null": ['{"layers":[null]}', /no media type/],
    "a digest of another algorithm": [JSON.stringify({ layers: [{ ...layer, digest: "md5:1" }] }), /"md5:1"/],
    "a negative size": [JSON.stringify({ layers: [{ ...layer, size: -1 }] }), /no size/],
    "a size that is a fraction": [JSON.stringify({ layers: [{ ...layer, size: 1.5 }] }), /no size/],
    "a size beyond what can be counted": [JSON.stringify({ layers: [{ ...layer, size: 2 ** 60 }] }), /no size/],
  };
  for (const [what, [text, message]] of Object.entries(bad))
    it(`${what} is refused`, () => {
      assert.throws(
        () => parseManifest(Buffer.from(text)),
        (error) => error instanceof ManifestError && message.test(error.message),
      );
    });
});
