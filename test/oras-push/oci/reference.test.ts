import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatReference, isLocalRegistry, parseReference, ReferenceSyntaxError } from "oras-push/oci/reference";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}` as const;

describe("references", () => {
  const valid = {
    "localhost:5000/metric/run:1": ["localhost:5000", "metric/run", "1", undefined],
    "registry.example/run": ["registry.example", "run", undefined, undefined],
    "[::1]:5000/a:latest": ["[::1]:5000", "a", "latest", undefined],
    "localhost/a:1": ["localhost", "a", "1", undefined],
    "registry:80/a:1": ["registry:80", "a", "1", undefined],
    "r.io/a/b/c/d:v1.0-rc_1": ["r.io", "a/b/c/d", "v1.0-rc_1", undefined],
    "r.svc/a__b/c-d.e---f:_x": ["r.svc", "a__b/c-d.e---f", "_x", undefined],
    [`r.io/a@${DIGEST}`]: ["r.io", "a", undefined, DIGEST],
    [`r:1/a:tag@${DIGEST}`]: ["r:1", "a", "tag", DIGEST],
    [`r.io/a:${"t".repeat(128)}`]: ["r.io", "a", "t".repeat(128), undefined],
  };
  for (const [text, [registry, repository, tag, digest]] of Object.entries(valid))
    it(`are parsed and formatted: ${text.slice(0, 60)}`, () => {
      const reference = parseReference(text);
      assert.deepEqual(reference, { registry, repository, tag, digest });
      assert.equal(formatReference(reference), text);
    });

  const invalid: Record<string, RegExp> = {
    "": /^expected REGISTRY\/REPOSITORY\[:TAG\]\[@DIGEST\], as in localhost/,
    run: /^expected REGISTRY\/REPOSITORY/,
    "/run:1": /^expected REGISTRY\/REPOSITORY/,
    "-r/run:1": /^expected HOST\[:PORT\] for the registry, found "-r"$/,
    "r:port/run": /found "r:port"$/,
    "metric/hwloc:iter-0":
      /^"metric" is not a registry: expected REGISTRY\/REPOSITORY, as in localhost:5000\/metric\/hwloc:iter-0$/,
    "run/a:1": /is not a registry/,
    "user@r.io/run": /^it contains a user or a password/,
    "http://r.io/run:1": /^expected REGISTRY.*, without http:/,
    "r.io/": /"" is not a valid repository/,
    "r.io/Run:1": /"Run" is not a valid repository/,
    "r.io/a//b:1": /"a\/\/b" is not a valid repository/,
    "r.io/a/../b:1": /"a\/..\/b" is not a valid repository/,
    "r.io/a_:1": /"a_" is not a valid repository/,
    "r.io/a:": /"" is not a valid tag/,
    "r.io/a:-x": /"-x" is not a valid tag/,
    "localhost:99999/a:1": /^expected HOST\[:PORT\].*"localhost:99999"$/,
    "1.2.3.4.5/a:1": /^expected HOST\[:PORT\]/,
    "[::::]/a:1": /^expected HOST\[:PORT\]/,
    "r.io/a:x y": /"x y" is not a valid tag/,
    "r.io/a:x\n": /"x\\n" is not a valid tag/,
    [`r.io/a:${"t".repeat(129)}`]: /is not a valid tag/,
    "r.io/a@sha256:abc": /^expected a sha256 digest after @$/,
    "r.io/a@": /^expected a sha256 digest after @$/,
    [`r.io/a@${DIGEST}@${DIGEST}`]: /^expected at most one @$/,
    [`r.io/a@${DIGEST.toUpperCase()}`]: /^expected a sha256 digest after @$/,
    [`r.io/a@sha512:${"0".repeat(128)}`]: /^expected a sha256 digest after @$/,
  };
  for (const [text, message] of Object.entries(invalid))
    it(`are rejected with the invalid part: ${JSON.stringify(text).slice(0, 60)}`, () => {
      assert.throws(
        () => parseReference(text),
        (error) => error instanceof ReferenceSyntaxError && message.test(error.message),
      );
    });
});

describe("local registries", () => {
  for (const registry of [
    "localhost",
    "LOCALHOST:5000",
    "a.localhost:80",
    "127.0.0.1:5000",
    "127.1.2.3",
    "[::1]:5000",
    "registry.default.svc",
    "registry.default.svc.cluster.local:5000",
  ])
    it(`include ${registry}`, () => assert.equal(isLocalRegistry(registry), true));

  for (const registry of [
    "ghcr.example",
    "localhost.example",
    "notlocalhost",
    "127.0.0.1.example",
    "10.0.0.1:5000",
    "svc",
    "mysvc",
    "a.svc.example",
    "[::2]:5000",
  ])
    it(`do not include ${registry}`, () => assert.equal(isLocalRegistry(registry), false));
});
