/** Connections to a registry: proxies, certificate authorities of the system, and client certificates. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { findProgram } from "../../support/debian.ts";
import { startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { freePort, type ProcessRegistry, startDistribution } from "../../support/registry/process-registry.ts";
import { type ProcessResult, runTool } from "../../support/tools.ts";
import { type Authority, makeAuthority } from "../support/registry/certificates.ts";
import { startHttpProxy } from "../support/registry/http-proxy.ts";
import { startTlsFront } from "../support/registry/tls-front.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder({ after });
const NEEDED = ["docker-registry", "openssl"].filter((name) => findProgram(name) === undefined);
const SKIP = NEEDED.length > 0 ? `${NEEDED.join(", ")} not installed` : false;
const CONTENT = "Loop time of 12.5347\n";

/** The host name in this reference does not resolve, so only a proxy can reach the registry. */
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

/** Pushes a file and pulls it into a separate folder. */
async function thereAndBack(
  name: string,
  env: NodeJS.ProcessEnv,
  ...more: readonly string[]
): Promise<ProcessResult[]> {
  const pushed = await tool([REFERENCE, "run.out", "--debug", ...more], env);
  assert.equal(pushed.code, 0, pushed.stderr);
  const pulled = await tool(["pull", REFERENCE, "-o", name, "--debug", ...more], env);
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.equal(readFileSync(join(folder, name, "run.out"), "utf8"), CONTENT);
  return [pushed, pulled];
}

describe("a proxy for plain HTTP", () => {
  it("gets absolute URLs and its credentials, which appear in no output", async (t) => {
    const registry = await memoryRegistry(t);
    const proxy = await proxyTo(t, registry.address, "me:s3cret/");
    const env = { HTTP_PROXY: `http://me:s3cret%2F@${proxy.address}` };
    for (const { stdout, stderr } of await thereAndBack("by-proxy", env, "--plain-http"))
      assert.doesNotMatch(stdout + stderr, /s3cret|bWU6/);
    assert.ok(proxy.requests.length > 5);
    for (const request of proxy.requests) assert.match(request, /^[A-Z]+ http:\/\/registry\.example:5000\/v2\//);
    assert.ok(registry.requests.every(({ headers }) => headers["proxy-authorization"] === undefined));
  });

  it("causes exit code 77 at once if it rejects the credentials", async (t) => {
    const registry = await memoryRegistry(t);
    const proxy = await proxyTo(t, registry.address, "me:right");
    const env = { HTTP_PROXY: `http://me:wr0ng@${proxy.address}` };
    const { code, stderr } = await tool([REFERENCE, "run.out", "--plain-http"], env);
    assert.equal(code, 77, stderr);
    assert.match(stderr, /^oras-push: the proxy 127\.0\.0\.1:\d+ rejected the credentials\nhint: .*HTTPS_PROXY.*\n$/);
    assert.equal(registry.requests.length, 0);
  });

  it("causes exit code 69 and is named if it cannot be reached", async () => {
    const port = await freePort();
    const args = [REFERENCE, "run.out", "--plain-http", "--retry-for", "0"];
    const { code, stderr } = await tool(args, { HTTP_PROXY: `http://me:s3cret@127.0.0.1:${port}` });
    assert.equal(code, 69);
    const what = "cannot reach the registry registry.example:5000 (connection refused (ECONNREFUSED)";
    assert.equal(stderr, `oras-push: ${what}, through the proxy 127.0.0.1:${port})\n`);
  });

  it("causes exit code 64 if its URL is invalid, and the value is not shown", async () => {
    const { code, stderr } = await tool([REFERENCE, "run.out"], { HTTPS_PROXY: "socks5://me:s3cret@proxy:1080" });
    assert.equal(code, 64);
    assert.match(stderr, /^oras-push: HTTPS_PROXY is not a proxy URL/);
    assert.doesNotMatch(stderr, /s3cret/);
  });

  it("is not used for this machine, and not for hosts in NO_PROXY", async (t) => {
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

describe("a registry with TLS that requires a client certificate", { skip: SKIP }, () => {
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

  it("accepts a push with a certificate", async () => {
    const args = [`${registry.address}/metric/run:2`, "run.out", "--ca-file", authority.certificate];
    const pushed = await tool([...args, ...shown], {});
    assert.equal(pushed.code, 0, pushed.stderr);
  });

  it("causes exit code 69 for a push without a certificate", async () => {
    const args = [`${registry.address}/metric/run:3`, "run.out", "--ca-file", authority.certificate];
    const { code, stderr } = await tool([...args, "--retry-for", "0"], {});
    assert.equal(code, 69, stderr);
    assert.match(
      stderr,
      /^oras-push: cannot reach the registry \S+ \(it requires a client certificate.*\)\nhint: .*--cert-file.*\n$/,
    );
  });

  for (const [what, env] of [
    ["SSL_CERT_FILE", () => ({ SSL_CERT_FILE: authority.certificate })],
    ["SSL_CERT_DIR", () => ({ SSL_CERT_DIR: `/nowhere:${certificates()}` })],
  ] as const)
    it(`is trusted with an authority in ${what}, through a tunnel of HTTPS_PROXY`, async (t) => {
      const proxy = await proxyTo(t, registry.address, "me:s3cret");
      const HTTPS_PROXY = `http://me:s3cret@${proxy.address}`;
      for (const { stdout, stderr } of await thereAndBack(what, { ...env(), HTTPS_PROXY }, ...shown))
        assert.doesNotMatch(stdout + stderr, /s3cret|bWU6/);
      for (const request of proxy.requests) assert.equal(request, "CONNECT registry.example:5000");
    });

  it("is reached through a proxy with TLS", async (t) => {
    const proxy = await proxyTo(t, registry.address, "me:s3cret");
    const port = await startTlsFront(t, proxy.address, authority.issue("proxy"));
    const env = { HTTPS_PROXY: `https://me:s3cret@localhost:${port}`, SSL_CERT_FILE: authority.certificate };
    await thereAndBack("by-tls-proxy", env, ...shown);
    assert.ok(proxy.requests.length > 0);
  });

  it("is not trusted with an unknown authority", async (t) => {
    const proxy = await proxyTo(t, registry.address);
    const { code, stderr } = await tool([REFERENCE, "run.out", ...shown], { HTTPS_PROXY: `http://${proxy.address}` });
    assert.equal(code, 69);
    assert.match(stderr, /its certificate authority is unknown/);
  });

  it("causes exit code 77 for a wrong password of the proxy's tunnel", async (t) => {
    const proxy = await proxyTo(t, registry.address, "me:right");
    const env = { HTTPS_PROXY: `http://me:wr0ng@${proxy.address}` };
    const { code, stderr } = await tool([REFERENCE, "run.out", ...shown, "--debug"], env);
    assert.equal(code, 77, stderr);
    assert.doesNotMatch(stderr, /wr0ng|bWU6/);
  });

  it("is not contacted if --ca-file contains no certificate, with exit code 64", async () => {
    const args = [`${registry.address}/metric/run:4`, "run.out", "--ca-file", join(folder, "run.out")];
    const { code, stderr } = await tool(args, {});
    assert.equal(code, 64, stderr);
    assert.match(stderr, /^oras-push: the file of --ca-file contains no certificate \(expected PEM\)\n$/);
  });

  function certificates(): string {
    const path = join(folder, "certificates");
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "ours.pem"), readFileSync(authority.certificate));
    return path;
  }
});
