import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { ToolError } from "shared/cli/tool-error";
import { toBytePath } from "shared/fs/byte-path";
import {
  cannotRead,
  cannotWrite,
  creatingFolder,
  reading,
  readingRaw,
  writing,
  writingRaw,
} from "shared/fs/path-failure";

const MISSING = "/proc/missing/größe";
const CAUSE = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });

/** Asserts the parts of a ToolError. */
function fails(expected: { code: string; message: string; why: string }) {
  return (error: unknown) => {
    assert.ok(error instanceof ToolError);
    const { code, message, why } = error;
    assert.deepEqual({ code, message, why }, expected);
    assert.ok(error.cause instanceof Error);
    return true;
  };
}

describe("path failures", () => {
  it("return the value of a call that succeeds", () => {
    assert.equal(
      reading("x", () => 1),
      1,
    );
    assert.equal(
      writing("x", () => 2),
      2,
    );
    assert.equal(
      creatingFolder("x", () => 3),
      3,
    );
    assert.equal(readingRaw(toBytePath("ü"), String), "ü");
    assert.equal(writingRaw(toBytePath("ü"), String), "ü");
  });

  it("have the code, the path and the reason of a failed call", () => {
    const why = "no such file or directory";
    const read = { code: "noInput", message: `cannot read ${MISSING}`, why };
    assert.throws(() => reading(MISSING, () => readFileSync(MISSING)), fails(read));
    assert.throws(() => readingRaw(toBytePath(MISSING), (raw) => readFileSync(raw)), fails(read));
    const written = { code: "cannotCreate", message: `cannot write ${MISSING}`, why };
    assert.throws(() => writing(MISSING, () => writeFileSync(MISSING, "")), fails(written));
    assert.throws(() => writingRaw(toBytePath(MISSING), (raw) => writeFileSync(raw, "")), fails(written));
    const created = { code: "cannotCreate", message: `cannot create ${MISSING}`, why };
    assert.throws(() => creatingFolder(MISSING, () => mkdirSync(MISSING)), fails(created));
  });

  it("have another code if one is given", () => {
    const expected = { code: "copyFailed", message: `cannot write ${MISSING}`, why: "no space left on device" };
    const fail = () => {
      throw CAUSE;
    };
    assert.throws(() => writing(MISSING, fail, "copyFailed"), fails(expected));
    assert.throws(() => writingRaw(toBytePath(MISSING), fail, "copyFailed"), fails(expected));
  });

  it("can be created from an error", () => {
    fails({ code: "noInput", message: "cannot read x", why: "no space left on device" })(cannotRead("x", CAUSE));
    fails({ code: "cannotCreate", message: "cannot write x", why: "no space left on device" })(cannotWrite("x", CAUSE));
  });
});
