import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkSameContent } from "oras-push/artifact/no-clobber";
import type { Annotations, Descriptor } from "oras-push/oci/descriptor";
import { buildManifest } from "oras-push/oci/manifest";
import { digestOf } from "oras-push/oci/meter";

const REFERENCE = { registry: "localhost", repository: "metric/run", tag: "1", digest: undefined };
const REFUSED = { code: "cannotCreate", message: "localhost/metric/run:1 already refers to different content" };
const LAYER: Descriptor = { mediaType: "text/plain", digest: digestOf(Buffer.from("content")), size: 7 };

/** The annotations that say when and where an artifact was made. */
const VOLATILE = [
  "org.opencontainers.image.created",
  "dev.oras-pod-tools.run.attempt",
  "dev.oras-pod-tools.run.started",
  "dev.oras-pod-tools.run.finished",
  "dev.oras-pod-tools.run.pod",
  "dev.oras-pod-tools.run.namespace",
  "dev.oras-pod-tools.run.node",
];

/** Annotations that belong to the content. The names of the last two are similar to names of volatile annotations. */
const CONTENT = [
  "dev.oras-pod-tools.run.exit-code",
  "dev.oras-pod-tools.run.signal",
  "dev.oras-pod-tools.run.reason",
  "dev.oras-pod-tools.run.incomplete",
  "dev.oras-pod-tools.run.inputs",
  "org.opencontainers.image.title",
  "org.example.user",
  "created",
  "dev.oras-pod-tools.run.pod.other",
];

/** Each pair contains the old and the new value of an annotation. Undefined means that the annotation is missing. */
const CHANGES = [
  ["first", "second"],
  ["first", undefined],
  [undefined, "second"],
] as const;

/** Makes two manifests that differ only in the given fields, and calls {@link checkSameContent} with them. */
function check(
  there: Partial<Parameters<typeof buildManifest>[0]>,
  wanted: Partial<Parameters<typeof buildManifest>[0]>,
): void {
  const [a, b] = [there, wanted].map((fields) => buildManifest({ layers: [LAYER], annotations: {}, ...fields }));
  assert.ok(a && b && !a.bytes.equals(b.bytes), "the manifests differ");
  checkSameContent(REFERENCE, a, b);
}

/** Returns the annotation `key` and a constant annotation. If `value` is undefined, returns only the constant one. */
function annotated(key: string, value: string | undefined): { readonly annotations: Annotations } {
  return { annotations: { same: "same", ...(value === undefined ? {} : { [key]: value }) } };
}

describe("--no-clobber", () => {
  for (const key of VOLATILE)
    it(`accepts a manifest that differs only in ${key}`, () => {
      for (const [there, wanted] of CHANGES) check(annotated(key, there), annotated(key, wanted));
    });

  it("accepts a manifest that differs in all of them", () => {
    const all = (value: string) => ({ annotations: Object.fromEntries(VOLATILE.map((key) => [key, value])) });
    check(all("first"), all("second"));
  });

  for (const key of CONTENT)
    it(`refuses a manifest that differs in ${key}`, () => {
      for (const [there, wanted] of CHANGES)
        assert.throws(() => check(annotated(key, there), annotated(key, wanted)), REFUSED);
    });

  it("refuses any change to the annotations of a layer", () => {
    for (const key of [...VOLATILE, ...CONTENT])
      for (const [there, wanted] of CHANGES) {
        const layers = (value: string | undefined) => ({ layers: [{ ...LAYER, ...annotated(key, value) }] });
        assert.throws(() => check(layers(there), layers(wanted)), REFUSED);
      }
  });

  it("refuses another artifact type, other layers and another order of layers", () => {
    const other = { ...LAYER, digest: digestOf(Buffer.from("another")) };
    for (const [there, wanted] of [
      [{ artifactType: "a/b" }, { artifactType: "a/c" }],
      [{}, { layers: [other] }],
      [{}, { layers: [{ ...LAYER, mediaType: "text/html" }] }],
      [{}, { layers: [LAYER, other] }],
      [{ layers: [LAYER, other] }, { layers: [other, LAYER] }],
    ] as const)
      assert.throws(() => check(there, wanted), REFUSED);
  });
});
