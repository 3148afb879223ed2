/** The ways to a registry: by proxies, with the system's certificate authorities, with a certificate to show. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { findProgram } from "../../support/debian.ts";
import { startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { freePort, type ProcessRegistry, startDistribution } from "../../support/registry/process-registry.ts";
import { type Ended, runTool } from "../../support/tools.ts";
import { type Authority, makeAuthority } from "../support/registry/certificates.ts";
import { startHttpProxy } from "../support/registry/http-proxy.ts";
import { startTlsFront } from "../support/registry/tls-front.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder({ after });
const NEEDED = ["docker-registry", "openssl"].filter((name) => findProgram(name) === undefined);
const SKIP = NEEDED.length > 0 ? `${NEEDED.join(", ")} not installed` : false;
const CONTENT = "Loop time of 12.5347\n";

/** A name that nobody on this machine knows: only a proxy leads there. */
const REFERENCE = "registry.example:5000/metric/run:1";

before(() => writeFileSync(join(folder, "run.out"), CONTENT));

const tool = (args: readonly string[], env: NodeJS.ProcessEnv) => runTool("oras-push", args, { cwd: folder, env });

async function proxyTo(t: TestContext, upstream: string, user?: string) {
  const proxy = await startHttpProxy(upstream, user);
  t.after(() => proxy.close());
  return proxy;
}

async function memoryRegistry(t: TestContext) {
  const registry = await startMemoryRegistry();
  t.after(() => registry.close());
  return registry;
}

/** Pushes a file and pulls it into a folder of its own. */
async function thereAndBack(name: string, env: NodeJS.ProcessEnv, ...more: readonly string[]): Promise<Ended[]> {
  const pushed = await tool([REFERENCE, "run.out", "--debug", ...more], env);
  assert.equal(pushed.code, 0, pushed.stderr);
  const pulled = await tool(["pull", REFERENCE, "-o", name, "--debug", ...more], env);
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.equal(readFileSync(join(folder, name, "run.out"), "utf8"), CONTENT);
  return [pushed, pulled];
}

describe("a proxy for plain HTTP", () => {
  it("that HTTP_PROXY names is asked for whole URLs, with its user and password, which are never shown", async (t) => {
    const registry = await memoryRegistry(t);
    const proxy = await proxyTo(t, registry.address, "me:s3cret/");
    const env = { HTTP_PROXY: `http://me:s3cret%2F@${proxy.address}` };
    for (const { stdout, stderr } of await thereAndBack("by-proxy", env, "--plain-http"))
      assert.doesNotMatch(stdout + stderr, /s3cret|bWU6/);
    assert.ok(proxy.requests.length > 5);
    for (const request of proxy.requests) assert.match(request, /^[A-Z]+ http:\/\/registry\.example:5000\/v2\//);
    assert.ok(registry.requests.every(({ headers }) => headers["proxy-authorization"] === undefined));
  });

  it("that refuses us ends with 77 and says so, at once", async (t) => {
    const registry = await memoryRegistry(t);
    const proxy = await proxyTo(t, registry.address, "me:right");
    const env = { HTTP_PROXY: `http://me:wr0ng@${proxy.address}` };
    const { code, stderr } = await tool([REFERENCE, "run.out", "--plain-http"], env);
    assert.equal(code, 77, stderr);
    assert.match(stderr, /^oras-push: the proxy 127\.0\.0\.1:\d+ asks for other credentials\nhint: .*HTTPS_PROXY.*\n$/);
    assert.equal(registry.requests.length, 0);
  });

  it("that cannot be reached ends with 69, and is named", async () => {
    const port = await freePort();
    const args = [REFERENCE, "run.out", "--plain-http", "--retry-for", "0"];
    const { code, stderr } = await tool(args, { HTTP_PROXY: `http://me:s3cret@127.0.0.1:${port}` });
    assert.equal(code, 69);
    const what = "cannot reach the registry registry.example:5000 (connection refused (ECONNREFUSED)";
    assert.equal(stderr, `oras-push: ${what}, by way of the proxy 127.0.0.1:${port})\n`);
  });

  it("that is none ends with 64, without its value", async () => {
    const { code, stderr } = await tool([REFERENCE, "run.out"], { HTTPS_PROXY: "socks5://me:s3cret@proxy:1080" });
    assert.equal(code, 64);
    assert.match(stderr, /^oras-push: HTTPS_PROXY is not the URL of a proxy/);
    assert.doesNotMatch(stderr, /s3cret/);
  });

  it("is not asked for this machine, nor for what NO_PROXY holds", async (t) => {
    const registry = await memoryRegistry(t);
    const proxy = await proxyTo(t, "127.0.0.1:1");
    const HTTP_PROXY = `http://${proxy.address}`;
    const here = await tool([`${registry.address}/metric/run:1`, "run.out"], { HTTP_PROXY });
    assert.equal(here.code, 0, here.stderr);
    const args = [REFERENCE, "run.out", "--plain-http", "--retry-for", "0"];
    const { code, stderr } = await tool(args, { HTTP_PROXY, NO_PROXY: ".example" });
    assert.equal(code, 69);
    assert.doesNotMatch(stderr, /proxy/);
    assert.deepEqual(proxy.requests, []);
  });
});

describe("a registry with TLS that wants to see a certificate", { skip: SKIP }, () => {
  let registry: ProcessRegistry;
  let authority: Authority;
  let shown: readonly string[];

  before(async () => {
    authority = makeAuthority(join(folder, "tls"));
    const { certificate, key } = authority.issue("registry");
    const client = authority.issue("client");
    shown = ["--cert-file", client.certificate, "--key-file", client.key];
    registry = await startDistribution("docker-registry", join(folder, "registry"), {
      REGISTRY_HTTP_TLS_CERTIFICATE: certificate,
      REGISTRY_HTTP_TLS_KEY: key,
      REGISTRY_HTTP_TLS_CLIENTCAS: `["${authority.certificate}"]`,
      REGISTRY_HTTP_RELATIVEURLS: "true",
    });
  });
  after(() => registry?.close());

  it("takes a push and a pull with one", async () => {
    const args = [`${registry.address}/metric/run:2`, "run.out", "--ca-file", authority.certificate];
    const pushed = await tool([...args, ...shown], {});
    assert.equal(pushed.code, 0, pushed.stderr);
  });

  it("refuses a push without one, with 69", async () => {
    const args = [`${registry.address}/metric/run:3`, "run.out", "--ca-file", authority.certificate];
    const { code, stderr } = await tool([...args, "--retry-for", "0"], {});
    assert.equal(code, 69, stderr);
    assert.match(
      stderr,
      /^oras-push: cannot reach the registry \S+ \(it wants a certificate of ours.*\)\nhint: .*--cert-file.*\n$/,
    );
  });

  for (const [what, env] of [
    ["SSL_CERT_FILE names", () => ({ SSL_CERT_FILE: authority.certificate })],
    ["stands in a folder of SSL_CERT_DIR", () => ({ SSL_CERT_DIR: `/nowhere:${certificates()}` })],
  ] as const)
    it(`is trusted by an authority that ${what}, through a tunnel of HTTPS_PROXY`, async (t) => {
      const proxy = await proxyTo(t, registry.address, "me:s3cret");
      const HTTPS_PROXY = `http://me:s3cret@${proxy.address}`;
      for (const { stdout, stderr } of await thereAndBack(what, { ...env(), HTTPS_PROXY }, ...shown))
        assert.doesNotMatch(stdout + stderr, /s3cret|bWU6/);
      for (const request of proxy.requests) assert.equal(request, "CONNECT registry.example:5000");
    });

  it("is reached by a proxy that is itself spoken to in TLS", async (t) => {
    const proxy = await proxyTo(t, registry.address, "me:s3cret");
    const port = await startTlsFront(t, proxy.address, authority.issue("proxy"));
    const env = { HTTPS_PROXY: `https://me:s3cret@localhost:${port}`, SSL_CERT_FILE: authority.certificate };
    await thereAndBack("by-tls-proxy", env, ...shown);
    assert.ok(proxy.requests.length > 0);
  });

  it("is not trusted by an authority that the system does not know", async (t) => {
    const proxy = await proxyTo(t, registry.address);
    const { code, stderr } = await tool([REFERENCE, "run.out", ...shown], { HTTPS_PROXY: `http://${proxy.address}` });
    assert.equal(code, 69);
    assert.match(stderr, /its certificate is of an unknown authority/);
  });

  it("refuses a tunnel's wrong password with 77", async (t) => {
    const proxy = await proxyTo(t, registry.address, "me:right");
    const env = { HTTPS_PROXY: `http://me:wr0ng@${proxy.address}` };
    const { code, stderr } = await tool([REFERENCE, "run.out", ...shown, "--debug"], env);
    assert.equal(code, 77, stderr);
    assert.doesNotMatch(stderr, /wr0ng|bWU6/);
  });

  it("is not spoken to with a certificate file that holds none: 64, named", async () => {
    const args = [`${registry.address}/metric/run:4`, "run.out", "--ca-file", join(folder, "run.out")];
    const { code, stderr } = await tool(args, {});
    assert.equal(code, 64, stderr);
    assert.match(stderr, /^oras-push: --ca-file holds no certificate \(PEM is due\)\n$/);
  });

  function certificates(): string {
    const path = join(folder, "certificates");
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "ours.pem"), readFileSync(authority.certificate));
    return path;
  }
});
