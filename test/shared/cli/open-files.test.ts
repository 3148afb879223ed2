import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openFilesFailure } from "shared/cli/open-files";

const limits = (soft: string) => `Limit                     Soft Limit           Hard Limit           Units
Max processes             15                   15                   processes
Max open files            ${soft.padEnd(20)} 1048576              files
`;

describe("a limit of open files", () => {
  it("is a failure if a tool needs more", () => {
    const failure = openFilesFailure(() => limits("63"));
    assert.deepEqual(
      [failure?.message, failure?.exitCode],
      ["expected a limit of at least 64 open files, found 63", 70],
    );
    assert.match(failure?.hint ?? "", /ulimit -n/);
  });

  it("is a failure if the limit itself cannot be read because of it", () => {
    const failure = openFilesFailure(() => {
      throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
    });
    assert.match(failure?.message ?? "", /found 21$/);
  });

  for (const soft of ["64", "1048576", "unlimited"])
    it(`is no failure if it is ${soft}`, () => {
      assert.equal(
        openFilesFailure(() => limits(soft)),
        undefined,
      );
    });

  it("is no failure if it is unknown", () => {
    const unknown = () => {
      throw new Error("no /proc");
    };
    assert.equal(openFilesFailure(unknown), undefined);
    assert.equal(
      openFilesFailure(() => ""),
      undefined,
    );
  });
});
