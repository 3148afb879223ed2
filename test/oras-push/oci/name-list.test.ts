import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nextPage, parseNames } from "oras-push/oci/name-list";

const url = new URL("http://localhost:5000/v2/run/tags/list?n=2");

describe("pages of a list of names", () => {
  it("name the next page in a relative or absolute link, among other links", () => {
    for (const [header, expected] of [
      ['</v2/run/tags/list?last=b&n=2>; rel="next"', "http://localhost:5000/v2/run/tags/list?last=b&n=2"],
      ["<http://localhost:5000/x>; rel=next", "http://localhost:5000/x"],
      ['</first>; rel="first", </x>; title="a"; rel="prev next"', "http://localhost:5000/x"],
      ['</x>; rel="prev"', undefined],
      ['</x>; rel="nextish"', undefined],
      ["nonsense", undefined],
      [undefined, undefined],
    ] as const)
      assert.equal(nextPage(header, url)?.href, expected, String(header));
  });

  it("may have null for no names", () => {
    assert.deepEqual(parseNames(Buffer.from('{"name":"run","tags":["a","b"]}'), "tags"), ["a", "b"]);
    assert.deepEqual(parseNames(Buffer.from('{"name":"run","tags":null}'), "tags"), []);
  });

  it("are rejected if they are invalid", () => {
    for (const body of ["<html>", '{"tags":"a"}', '{"tags":[1]}'])
      assert.throws(() => parseNames(Buffer.from(body), "tags"), { code: "registry" }, body);
  });
});
