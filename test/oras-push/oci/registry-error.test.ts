import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { shownUrl } from "oras-push/oci/http/location";
import { parseErrorBody, RegistryError } from "oras-push/oci/registry-error";

describe("error responses", () => {
  it("have the code and message of the first error", () => {
    const body = '{"errors":[{"code":"DENIED","message":"no\\nentry","detail":{}},{"code":"OTHER"}]}';
    assert.deepEqual(parseErrorBody(Buffer.from(body)), { code: "DENIED", message: "no\\nentry" });
  });

  it("may have more words in the detail", () => {
    const body = '{"errors":[{"code":"DENIED","message":"no","detail":"the quota is full"}]}';
    assert.deepEqual(parseErrorBody(Buffer.from(body)), { code: "DENIED", message: "no: the quota is full" });
  });

  it("may have no list of errors", () => {
    for (const field of ["message", "details", "error"])
      assert.deepEqual(parseErrorBody(Buffer.from(JSON.stringify({ [field]: "wrong password" }))), {
        message: "wrong password",
      });
  });

  it("are shown without secrets", () => {
    const conceal = (text: string) => text.replaceAll("pw", "***");
    const bodies = ['{"errors":[{"code":"A pw","message":"B pw"}]}', '{"error":"B pw"}', "<b>B</b> pw"];
    for (const body of bodies) {
      const { code = "A ***", message } = parseErrorBody(Buffer.from(body), conceal);
      assert.deepEqual([code, message], ["A ***", "B ***"]);
    }
  });

  it("may be an HTML page, which is shown as text on one line", () => {
    const page = "<html><head><title>502</title></head>\n<body><h1>Bad   Gateway</h1>\n</body></html>";
    assert.deepEqual(parseErrorBody(Buffer.from(page)), { message: "502 Bad Gateway" });
  });

  it("are truncated if they are long, and may be empty", () => {
    assert.equal(parseErrorBody(Buffer.from("x".repeat(5000))).message?.length, 120);
    const message = JSON.stringify({ errors: [{ message: "y".repeat(5000) }] });
    assert.equal(parseErrorBody(Buffer.from(message)).message?.length, 300);
    assert.deepEqual(parseErrorBody(Buffer.from("")), {});
    assert.deepEqual(parseErrorBody(Buffer.from('{"errors":[]}')), {});
    assert.deepEqual(parseErrorBody(Buffer.from("{}")), {});
  });

  it("may be JSON of another shape", () => {
    for (const text of ['{"errors":[{"code":1,"message":2}]}', '{"errors":[null]}', '{"errors":7}', "null", '"no"'])
      assert.doesNotThrow(() => parseErrorBody(Buffer.from(text)), text);
  });
});

describe("a registry error", () => {
  it("has exit code 77 and a hint for 401 and 403, else 76", () => {
    for (const status of [401, 403]) {
      const error = new RegistryError("GET /", status, {});
      assert.equal(error.exitCode, 77);
      assert.match(error.hint ?? "", /--username.*docker config/);
    }
    for (const status of [400, 404, 500, 503]) assert.equal(new RegistryError("GET /", status, {}).exitCode, 76);
  });

  for (const [code, message] of [
    ["DENIED", "requested access to the resource is denied"],
    ["DENIED", undefined],
    ["UNAUTHORIZED", "authentication required"],
    ["FORBIDDEN", "user does not have permission for this project"],
    ["DENIED", 'Permission "artifactregistry.repositories.uploadArtifacts" denied on resource "x"'],
    [undefined, "403 Forbidden nginx/1.24.0"],
    [undefined, undefined],
  ] as const)
    it(`has exit code 77 for a 403 about rights: ${code} ${message}`, () => {
      assert.equal(new RegistryError("PUT /", 403, { code, message }).exitCode, 77);
    });

  for (const [code, message] of [
    ["DENIED", "adding 3.2 MiB of storage resource will exceed the configured upper limit of 10 GiB"],
    ["DENIED", "the quota of this project is exhausted"],
    ["DENIED", "the tag run-1 is immutable"],
    ["FORBIDDEN", "tag v1 already exists and cannot be overwritten"],
    ["DENIED", "the registry is in read-only mode"],
    ["QUOTA_EXCEEDED", undefined],
    ["TAG_IMMUTABLE", "access to the tag is closed"],
    ["UNSUPPORTED", "the operation is unsupported"],
    ["DENIED", "this repository is archived"],
    [undefined, "quota exceeded"],
  ] as const)
    it(`has exit code 76 and the words of the registry for a 403 with another reason: ${code} ${message}`, () => {
      const error = new RegistryError("PUT /", 403, { code, message });
      assert.equal(error.exitCode, 76);
      assert.equal(error.why, [code, message].filter(Boolean).join(": "));
      assert.equal(error.hint, undefined);
    });

  it("has the code and message of the registry as its reason", () => {
    const error = new RegistryError("PUT http://r/v2/", 400, { code: "DIGEST_INVALID", message: "no" }, 3);
    assert.equal(error.message, "the registry returned 400 for PUT http://r/v2/");
    assert.equal(error.why, "DIGEST_INVALID: no");
    assert.equal(error.registryCode, "DIGEST_INVALID");
    assert.equal(error.retryAfter, 3);
    assert.equal(new RegistryError("GET /", 500, {}).why, undefined);
  });

  it("shows a URL without user, password and query", () => {
    assert.equal(shownUrl(new URL("https://me:secret@r:1/v2/x?_state=secret#a")), "https://r:1/v2/x");
  });
});
