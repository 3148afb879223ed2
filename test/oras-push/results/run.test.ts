import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runState } from "oras-push/artifact/run-annotations";
import { ANNOTATIONS } from "oras-push/oci/annotations";
import type { Annotations } from "oras-push/oci/descriptor";
import { buildManifest, type StoredManifest } from "oras-push/oci/manifest";
import { OCI_INDEX, OCI_MANIFEST } from "oras-push/oci/media-types";
import { digestOf } from "oras-push/oci/meter";
import { durationOf, endOf, MAX_TEXT, readLinks, readRun, startOf } from "oras-push/results/run";
import { FIRST_START, runAnnotations } from "../../support/results.ts";

const DIGEST = digestOf(Buffer.from("x"));

function artifact(annotations: Annotations, sizes: readonly number[] = []): StoredManifest {
  return buildManifest({
    layers: sizes.map((size) => ({ mediaType: "text/plain", digest: DIGEST, size })),
    annotations,
  });
}

function stored(content: unknown, mediaType: string = OCI_MANIFEST): StoredManifest {
  const bytes = Buffer.from(typeof content === "string" ? content : JSON.stringify(content));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

describe("a run", () => {
  it("has the facts of its annotations", () => {
    const manifest = artifact({ ...runAnnotations(5, 3), [ANNOTATIONS.signal]: "SIGTERM" }, [10, 20]);
    const run = readRun(manifest);
    assert.deepEqual(run, {
      digest: manifest.descriptor.digest,
      mediaType: OCI_MANIFEST,
      artifactType: "application/vnd.unknown.artifact.v1",
      state: "failed",
      exitCode: 3,
      signal: "SIGTERM",
      reason: undefined,
      attempt: "attempt-5",
      started: FIRST_START + 5 * 60_000,
      finished: FIRST_START + 6 * 60_000,
      created: FIRST_START + 6 * 60_000,
      size: 30,
      pod: "pod-5",
      namespace: "default",
      node: "node-2",
    });
    assert.equal(durationOf(run), 60_000);
  });

  it("ignores invalid annotations", () => {
    const run = readRun(
      artifact({
        [ANNOTATIONS.exitCode]: "many",
        [ANNOTATIONS.startedAt]: "yesterday",
        [ANNOTATIONS.finishedAt]: "2026-02-31T99:00:00Z",
        [ANNOTATIONS.created]: "2026-01-01",
      }),
    );
    assert.deepEqual(
      [run.exitCode, run.started, run.finished, run.created],
      [undefined, undefined, undefined, undefined],
    );
    assert.deepEqual([startOf(run), endOf(run), durationOf(run)], [undefined, undefined, undefined]);
  });

  it("has no duration if it ended before it started", () => {
    const run = readRun(artifact({ ...runAnnotations(5), [ANNOTATIONS.finishedAt]: "2025-01-01T00:00:00Z" }));
    assert.equal(durationOf(run), undefined);
  });

  it("has short texts, even if an annotation is long", () => {
    const run = readRun(artifact({ [ANNOTATIONS.pod]: "x".repeat(100_000) }));
    assert.equal(run.pod, `${"x".repeat(MAX_TEXT)}…`);
  });

  it("may be an index, which has no size", () => {
    const run = readRun(stored({ mediaType: OCI_INDEX, manifests: [] }, OCI_INDEX));
    assert.deepEqual([run.state, run.size], ["other", undefined]);
  });

  it("is refused if the manifest is broken", () => {
    for (const content of ["", "{", "null", "[]", "{}", '{"layers":{}}', '{"layers":[{"digest":"sha256:1"}]}'])
      assert.throws(() => readRun(stored(content)), { name: "ManifestError" }, content);
    assert.throws(() => readRun(stored({ mediaType: OCI_INDEX }, OCI_INDEX)), { name: "ManifestError" });
  });
});

describe("the state of a run", () => {
  const prefix = "dev.oras-pod-tools.run.";
  for (const [state, annotations] of [
    ["succeeded", { [`${prefix}exit-code`]: "0" }],
    ["succeeded", { [`${prefix}exit-code`]: "0", [`${prefix}reason`]: "terminated" }],
    ["succeeded", { [`${prefix}pod`]: "p" }],
    ["failed", { [`${prefix}exit-code`]: "1" }],
    ["failed", { [`${prefix}reason`]: "not started" }],
    ["incomplete", { [`${prefix}incomplete`]: "true", [`${prefix}exit-code`]: "0" }],
    ["checkpoint", { [`${prefix}checkpoint`]: "3", [`${prefix}pod`]: "p" }],
    ["other", { "org.opencontainers.image.created": "2026-01-01T00:00:00Z" }],
    ["other", {}],
  ] as const)
    it(`is ${state} with ${JSON.stringify(annotations)}`, () => assert.equal(runState(annotations), state));
});

describe("the links of a manifest", () => {
  it("are the inputs, the listed manifests and the subject", () => {
    const inputs = [{ reference: "localhost:5000/a:1", digest: DIGEST }];
    const annotations = {
      [ANNOTATIONS.inputs]: JSON.stringify([...inputs, { reference: "b", digest: "no" }, null, 1]),
    };
    assert.deepEqual(readLinks(stored({ annotations, manifests: [{ digest: DIGEST }], subject: { digest: DIGEST } })), {
      inputs,
      listed: [{ digest: DIGEST, mediaType: undefined }],
      subject: DIGEST,
      imageOf: undefined,
    });
  });

  it("are missing if the annotation is invalid", () => {
    for (const text of ["", "{", "{}", "[1]", "null"])
      assert.deepEqual(readLinks(stored({ annotations: { [ANNOTATIONS.inputs]: text } })).inputs, [], text);
    for (const annotations of [null, 1, "x", undefined])
      assert.deepEqual(readLinks(stored({ annotations })).inputs, []);
  });
});
