import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseChallenges } from "oras-push/oci/auth/challenge";

describe("challenges", () => {
  it("a bearer challenge is taken apart, commas and equal signs in quotes included", () => {
    const header =
      'Bearer realm="https://auth.example/token?a=b,c",service="one, two",scope="repository:metric/run:pull,push"';
    assert.deepEqual(parseChallenges(header), [
      {
        scheme: "bearer",
        parameters: {
          realm: "https://auth.example/token?a=b,c",
          service: "one, two",
          scope: "repository:metric/run:pull,push",
        },
      },
    ]);
  });

  it("several schemes in one header are told apart", () => {
    assert.deepEqual(parseChallenges('Basic realm="a", Bearer realm="b",service=c, Negotiate'), [
      { scheme: "basic", parameters: { realm: "a" } },
      { scheme: "bearer", parameters: { realm: "b", service: "c" } },
      { scheme: "negotiate", parameters: {} },
    ]);
  });

  it("several headers are read in their order", () => {
    assert.deepEqual(
      parseChallenges(["Negotiate", 'Basic realm="a"']).map(({ scheme }) => scheme),
      ["negotiate", "basic"],
    );
  });

  it("schemes and names may have capitals, values keep theirs", () => {
    assert.deepEqual(parseChallenges('BASIC Realm="Ab"'), [{ scheme: "basic", parameters: { realm: "Ab" } }]);
  });

  it("escapes in quotes are undone", () => {
    assert.deepEqual(parseChallenges('Basic realm="say \\"a, b\\" \\\\"')[0]?.parameters, { realm: 'say "a, b" \\' });
  });

  it("blanks around equal signs and commas do not matter", () => {
    assert.deepEqual(parseChallenges('Bearer  realm = "a" ,  service=b ,scope="c"')[0]?.parameters, {
      realm: "a",
      service: "b",
      scope: "c",
    });
  });

  it("a value without quotes may be empty only in quotes", () => {
    assert.deepEqual(parseChallenges('Bearer realm="",service=x')[0]?.parameters, { realm: "", service: "x" });
  });

  it("what cannot be understood is left out, what came before is kept", () => {
    assert.deepEqual(parseChallenges(undefined), []);
    assert.deepEqual(parseChallenges(""), []);
    assert.deepEqual(parseChallenges('="'), []);
    assert.deepEqual(
      parseChallenges('Basic realm="a", "oops').map(({ scheme }) => scheme),
      ["basic"],
    );
  });
});
