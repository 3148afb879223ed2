import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatReference, isLocalRegistry, parseReference, ReferenceSyntaxError } from "oras-push/oci/reference";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}` as const;

describe("references", () => {
  const good = {
    "localhost:5000/metric/run:1": ["localhost:5000", "metric/run", "1", undefined],
    "registry.example/run": ["registry.example", "run", undefined, undefined],
    "[::1]:5000/a:latest": ["[::1]:5000", "a", "latest", undefined],
    "r/a/b/c/d:v1.0-rc_1": ["r", "a/b/c/d", "v1.0-rc_1", undefined],
    "r.svc/a__b/c-d.e---f:_x": ["r.svc", "a__b/c-d.e---f", "_x", undefined],
    [`r/a@${DIGEST}`]: ["r", "a", undefined, DIGEST],
    [`r:1/a:tag@${DIGEST}`]: ["r:1", "a", "tag", DIGEST],
    [`r/a:${"t".repeat(128)}`]: ["r", "a", "t".repeat(128), undefined],
  };
  for (const [text, [registry, repository, tag, digest]] of Object.entries(good))
    it(`${text.slice(0, 60)} is taken apart and put together again`, () => {
      const reference = parseReference(text);
      assert.deepEqual(reference, { registry, repository, tag, digest });
      assert.equal(formatReference(reference), text);
    });

  const bad: Record<string, RegExp> = {
    "": /a registry and a repository are due/,
    run: /a registry and a repository are due/,
    "/run:1": /a registry and a repository are due/,
    "-r/run:1": /"-r" is not a registry/,
    "r:port/run": /"r:port" is not a registry/,
    "user@r/run": /^it holds a user or a password/,
    "http://r/run:1": /without http:/,
    "r/": /"" is not a repository/,
    "r/Run:1": /"Run" is not a repository/,
    "r/a//b:1": /"a\/\/b" is not a repository/,
    "r/a/../b:1": /"a\/..\/b" is not a repository/,
    "r/a_:1": /"a_" is not a repository/,
    "r/a:": /"" is not a tag/,
    "r/a:-x": /"-x" is not a tag/,
    "localhost:99999/a:1": /"localhost:99999" is not a registry's host and port/,
    "1.2.3.4.5/a:1": /is not a registry's host and port/,
    "[::::]/a:1": /is not a registry's host and port/,
    "r/a:x y": /"x y" is not a tag/,
    "r/a:x\n": /"x\\n" is not a tag/,
    [`r/a:${"t".repeat(129)}`]: /is not a tag/,
    "r/a@sha256:abc": /what follows @/,
    "r/a@": /what follows @/,
    [`r/a@${DIGEST}@${DIGEST}`]: /what follows @/,
    [`r/a@${DIGEST.toUpperCase()}`]: /what follows @/,
    [`r/a@sha512:${"0".repeat(128)}`]: /what follows @/,
  };
  for (const [text, message] of Object.entries(bad))
    it(`${JSON.stringify(text).slice(0, 60)} is refused, saying which part is wrong`, () => {
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
    it(`${registry} is spoken to in plain HTTP`, () => assert.equal(isLocalRegistry(registry), true));

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
    it(`${registry} is spoken to in HTTPS`, () => assert.equal(isLocalRegistry(registry), false));
});
