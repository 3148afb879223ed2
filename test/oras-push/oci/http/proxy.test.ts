import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { proxyFor } from "oras-push/oci/http/proxy";
import type { ToolError } from "shared/cli/tool-error";

const PROXIES = { HTTP_PROXY: "http://plain:3128", HTTPS_PROXY: "http://me:pw@safe:3129" };
const hostFor = (url: string, env: NodeJS.ProcessEnv) => proxyFor(new URL(url), env)?.host;

describe("the proxy for a URL", () => {
  it("is that of its scheme, in upper or lower case, or none if none is set", () => {
    assert.equal(hostFor("http://registry.example/", PROXIES), "plain:3128");
    assert.equal(hostFor("https://registry.example/", PROXIES), "safe:3129");
    assert.equal(hostFor("https://registry.example/", { https_proxy: "http://small:1" }), "small:1");
    assert.equal(hostFor("https://registry.example/", { HTTP_PROXY: "http://plain:3128", HTTPS_PROXY: "" }), undefined);
    assert.equal(hostFor("http://registry.example/", {}), undefined);
  });

  it("may have no scheme", () => {
    assert.equal(proxyFor(new URL("http://r.example/"), { HTTP_PROXY: "proxy:3128" })?.href, "http://proxy:3128/");
    assert.equal(proxyFor(new URL("http://r.example/"), { HTTP_PROXY: "a:b@proxy:3128" })?.password, "b");
  });

  for (const url of ["http://localhost:5000/", "https://127.0.0.1/", "http://127.9.9.9/", "http://[::1]:5000/"])
    it(`is none for this machine: ${url}`, () => assert.equal(hostFor(url, PROXIES), undefined));

  for (const [list, exempt, not] of [
    ["registry.example", ["registry.example", "deep.registry.example:5000"], ["my-registry.example", "example"]],
    [".svc,.cluster.local", ["r.ns.svc:5000", "r.ns.svc.cluster.local"], ["svc", "registry.example"]],
    ["*.example", ["registry.example"], ["example"]],
    ["one:5000 two", ["one:5000", "two:1"], ["one:5001", "one"]],
    ["one:80", ["one"], ["one:81"]],
    ["10.0.0.0/8, 192.168.1.1", ["10.1.2.3:5000", "192.168.1.1"], ["11.0.0.1", "192.168.1.2", "ten.example"]],
    ["10.0.0.0/99", [], ["10.1.2.3"]],
    ["fd00::/8,[fe80::1]:443", ["[fd12::1]:5000"], ["[fe80::1]"]],
    ["10.1.2.3:5000", ["10.1.2.3:5000"], ["10.1.2.3"]],
    ["REGISTRY.example", ["registry.example"], []],
    ["*", ["registry.example", "[fe80::1]"], []],
  ] as const)
    it(`respects NO_PROXY=${list}`, () => {
      for (const variable of ["NO_PROXY", "no_proxy"]) {
        const env = { ...PROXIES, [variable]: list };
        for (const host of exempt) assert.equal(hostFor(`http://${host}/`, env), undefined, host);
        for (const host of not) assert.equal(hostFor(`http://${host}/`, env), "plain:3128", host);
      }
    });

  for (const value of ["http://me:secret@", "socks5://me:secret@proxy:1080", "ftp://me:secret@proxy"])
    it(`is rejected without showing it if it is invalid: ${value}`, () =>
      assert.throws(
        () => proxyFor(new URL("http://r.example/"), { HTTP_PROXY: value }),
        (error: ToolError) =>
          error.code === "usage" &&
          /^HTTP_PROXY /.test(error.message) &&
          !`${error.why}${error.stack}`.includes("secret"),
      ));
});
