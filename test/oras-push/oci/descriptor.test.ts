import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY_CONTENT, EMPTY_DESCRIPTOR, orderedDescriptor, sortedAnnotations } from "oras-push/oci/descriptor";
import { digestOf } from "oras-push/oci/meter";

describe("descriptors", () => {
  it("include the empty descriptor of the specification", () => {
    assert.deepEqual(EMPTY_DESCRIPTOR, {
      mediaType: "application/vnd.oci.empty.v1+json",
      digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
      size: 2,
      data: "e30=",
    });
    assert.equal(digestOf(EMPTY_CONTENT), EMPTY_DESCRIPTOR.digest);
  });

  it("have their fields in the order of the specification", () => {
    const shuffled = { data: "e30=", annotations: { b: "2", a: "1" }, size: 2, digest: EMPTY_DESCRIPTOR.digest };
    assert.equal(
      JSON.stringify(orderedDescriptor({ ...shuffled, mediaType: "x/y" })),
      `{"mediaType":"x/y","digest":"${EMPTY_DESCRIPTOR.digest}","size":2,"annotations":{"a":"1","b":"2"},"data":"e30="}`,
    );
  });

  it("omit missing fields", () => {
    const { mediaType, digest, size } = EMPTY_DESCRIPTOR;
    assert.deepEqual(Object.keys(orderedDescriptor({ mediaType, digest, size })), ["mediaType", "digest", "size"]);
  });

  it("have their annotations sorted, capitals first", () => {
    assert.equal(
      JSON.stringify(sortedAnnotations({ b: "", a: "", B: "", "a.b": "" })),
      '{"B":"","a":"","a.b":"","b":""}',
    );
  });
});
