import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseChallenges } from "oras-push/oci/auth/challenge";

describe("challenges", () => {
  it("parses a bearer challenge with commas and equal signs in quotes", () => {
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

  it("parses several schemes in one header", () => {
    assert.deepEqual(parseChallenges('Basic realm="a", Bearer realm="b",service=c, Negotiate'), [
      { scheme: "basic", parameters: { realm: "a" } },
      { scheme: "bearer", parameters: { realm: "b", service: "c" } },
      { scheme: "negotiate", parameters: {} },
    ]);
  });

  it("parses several headers in their order", () => {
    assert.deepEqual(
      parseChallenges(["Negotiate", 'Basic realm="a"']).map(({ scheme }) => scheme),
      ["negotiate", "basic"],
    );
  });

  it("lower-cases schemes and names, but not values", () => {
    assert.deepEqual(parseChallenges('BASIC Realm="Ab"'), [{ scheme: "basic", parameters: { realm: "Ab" } }]);
  });

  it("unescapes quoted values", () => {
    assert.deepEqual(parseChallenges('Basic realm="say \\"a, b\\" \\\\"')[0]?.parameters, { realm: 'say "a, b" \\' });
  });

  it("ignores spaces around equal signs and commas", () => {
    assert.deepEqual(parseChallenges('Bearer  realm = "a" ,  service=b ,scope="c"')[0]?.parameters, {
      realm: "a",
      service: "b",
      scope: "c",
    });
  });

  it("accepts an empty value in quotes", () => {
    assert.deepEqual(parseChallenges('Bearer realm="",service=x')[0]?.parameters, { realm: "", service: "x" });
  });

  it("keeps the challenges before a syntax error", () => {
    assert.deepEqual(parseChallenges(undefined), []);
    assert.deepEqual(parseChallenges(""), []);
    assert.deepEqual(parseChallenges('="'), []);
    assert.deepEqual(
      parseChallenges('Basic realm="a", "oops').map(({ scheme }) => scheme),
      ["basic"],
    );
  });
});
