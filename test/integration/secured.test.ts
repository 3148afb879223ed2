/** Registries with authentication: TLS with a private authority, passwords and tokens. No output contains a secret. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findProgram } from "../../support/debian.ts";
import { type ProcessRegistry, startDistribution } from "../../support/registry/process-registry.ts";
import { type ProcessResult, run, runTool } from "../../support/tools.ts";
import { noise } from "../support/noise.ts";
import { type Authority, makeAuthority } from "../support/registry/certificates.ts";
import { type JwtServer, startJwtServer, TOKEN_NAMES } from "../support/registry/jwt-server.ts";
import { startSlowLink } from "../support/registry/slow-link.ts";
import { temporaryFolder } from "../support/temporary.ts";

const USER = { name: "lammps", password: "correct horse: battery" };
const AUTH = Buffer.from(`${USER.name}:${USER.password}`).toString("base64");
const LARGE = 24 << 20;
/** Distribution still accepts a token for this number of seconds after the token has expired. */
const LEEWAY = 60;
/** In the tests of expired tokens, Distribution rejects a token this number of seconds after it was issued. */
const SHORT_LIFE = 3;
const NEEDED = ["docker-registry", "openssl", "htpasswd"].filter((name) => findProgram(name) === undefined);
const SKIP = NEEDED.length > 0 ? `${NEEDED.join(", ")} not installed` : false;

function assertNoSecret({ stdout, stderr }: ProcessResult): void {
  for (const secret of [USER.password, AUTH, "Bearer e", "Basic ", "_state"])
    assert.ok(!`${stdout}${stderr}`.includes(secret), `${secret} is in the output`);
}

describe("a registry with TLS of a private authority and passwords", { skip: SKIP }, () => {
  const folder = temporaryFolder({ after });
  let registry: ProcessRegistry;
  let authority: Authority;
  const reference = (tag: string) => `${registry.address}/metric/run:${tag}`;

  before(async () => {
    authority = makeAuthority(join(folder, "tls"));
    const { certificate, key } = authority.issue("registry");
    const passwords = join(folder, "htpasswd");
    execFileSync("htpasswd", ["-iBc", passwords, USER.name], {
      input: USER.password,
      stdio: ["pipe", "ignore", "ignore"],
    });
    registry = await startDistribution("docker-registry", join(folder, "registry"), {
      REGISTRY_HTTP_TLS_CERTIFICATE: certificate,
      REGISTRY_HTTP_TLS_KEY: key,
      REGISTRY_AUTH: "htpasswd",
      REGISTRY_AUTH_HTPASSWD_REALM: "tests",
      REGISTRY_AUTH_HTPASSWD_PATH: passwords,
    });
    writeFileSync(join(folder, "run.out"), "Loop time of 12.5347\n");
  });
  after(() => registry.close());

  const push = (tag: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    runTool("oras-push", [reference(tag), "run.out", "--debug", ...args], { cwd: folder, env });

  it("accepts a push and a pull with a pull secret as Kubernetes mounts it", async () => {
    const secret = join(folder, "secret");
    mkdirSync(secret);
    const config = JSON.stringify({ auths: { [registry.address]: { auth: AUTH } } });
    writeFileSync(join(secret, ".dockerconfigjson"), config);
    const trust = ["--ca-file", authority.certificate, "--registry-config", secret];
    const pushed = await push("1", trust);
    assert.equal(pushed.code, 0, pushed.stderr);
    assertNoSecret(pushed);
    const pulled = await runTool("oras-push", ["pull", reference("1"), "-o", "back", ...trust], { cwd: folder });
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.equal(readFileSync(join(folder, "back", "run.out"), "utf8"), "Loop time of 12.5347\n");
  });

  it("accepts the variables of the operator, and --insecure instead of the authority", async () => {
    const env = { ORAS_USER: USER.name, ORAS_PUSH_PASS: USER.password };
    const pushed = await push("2", ["--insecure"], env);
    assert.equal(pushed.code, 0, pushed.stderr);
    assertNoSecret(pushed);
  });

  it("causes exit code 77 and one line for a wrong password", async () => {
    const env = { ORAS_USER: USER.name, ORAS_PUSH_PASS: `${USER.password}!` };
    const { code, stderr } = await runTool(
      "oras-push",
      [reference("3"), "run.out", "--ca-file", authority.certificate],
      { cwd: folder, env },
    );
    assert.equal(code, 77);
    assert.match(stderr, /^oras-push: the registry returned 401 for \w+ https:[^\n]*\nhint: [^\n]*\n$/);
  });

  it("causes exit code 69 without its authority, and no retry", async () => {
    const { code, stderr } = await push("4", ["--cert-file", authority.certificate, "--key-file", authority.key]);
    assert.equal(code, 69);
    assert.match(
      stderr,
      /oras-push: cannot reach the registry \S+ \(its certificate authority is unknown .*\)\nhint: see --ca-file/,
    );
  });
});

describe("a registry with a token server", { skip: SKIP }, () => {
  const folder = temporaryFolder({ after });
  let registry: ProcessRegistry;
  let tokens: JwtServer;
  const reference = (tag: string) => `${registry.address}/metric/run:${tag}`;
  const env = { ORAS_USER: USER.name, ORAS_PUSH_PASS: USER.password, ORAS_PULL_PASS: USER.password };

  before(async () => {
    const files = makeAuthority(join(folder, "tls"));
    tokens = await startJwtServer(files, USER, 60);
    registry = await startDistribution("docker-registry", join(folder, "registry"), {
      REGISTRY_AUTH: "token",
      REGISTRY_AUTH_TOKEN_REALM: tokens.realm,
      REGISTRY_AUTH_TOKEN_SERVICE: TOKEN_NAMES.service,
      REGISTRY_AUTH_TOKEN_ISSUER: TOKEN_NAMES.issuer,
      REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: files.certificate,
    });
    writeFileSync(join(folder, "run.out"), "Loop time of 12.5347\n");
  });
  after(async () => {
    await registry.close();
    await tokens.close();
  });

  it("accepts a push and a pull with one token for each", async () => {
    const pushed = await runTool("oras-push", [reference("1"), "run.out", "--debug"], { cwd: folder, env });
    assert.equal(pushed.code, 0, pushed.stderr);
    assertNoSecret(pushed);
    assert.equal(tokens.issued(), 1);
    const pulled = await runTool("oras-push", ["pull", reference("1"), "-o", "back", "--debug"], { cwd: folder, env });
    assert.equal(pulled.code, 0, pulled.stderr);
    assertNoSecret(pulled);
    assert.equal(tokens.issued(), 2);
    assert.equal(readFileSync(join(folder, "back", "run.out"), "utf8"), "Loop time of 12.5347\n");
  });

  for (const [what, name] of [
    ["a large file", "large.out"],
    ["a large folder, which is streamed", "large"],
  ] as const)
    it(`renews a token that expires during the upload of ${what}`, async (t) => {
      mkdirSync(join(folder, "large"), { recursive: true });
      for (const path of ["large.out", "large/noise"]) writeFileSync(join(folder, path), noise(LARGE));
      const link = await startSlowLink(registry.address, LARGE / (SHORT_LIFE + 2));
      t.after(() => link.close());
      tokens.life = SHORT_LIFE - LEEWAY;
      t.after(() => {
        tokens.life = 60;
      });
      const before = tokens.issued();
      const target = `${link.address}/metric/${name}:1`;
      const pushed = await runTool("oras-push", [target, name, "--debug"], { cwd: folder, env });
      assert.equal(pushed.code, 0, pushed.stderr);
      assertNoSecret(pushed);
      assert.ok(tokens.issued() - before > 1, pushed.stderr);
      assert.doesNotMatch(pushed.stderr, /retrying in/, "an expired token counts as a failure");
      tokens.life = 60;
      const args = ["pull", `${registry.address}/metric/${name}:1`, "-o", `back ${name}`];
      const pulled = await runTool("oras-push", args, { cwd: folder, env });
      assert.equal(pulled.code, 0, pulled.stderr);
      const { stdout, stderr } = await run("diff", ["-r", name, join(`back ${name}`, name)], { cwd: folder });
      assert.equal(stdout + stderr, "");
    });

  it("mounts a blob from another repository with a token for both", async () => {
    const other = `${registry.address}/metric/mounted:1`;
    const args = [`${registry.address}/metric/source:1`, "--to", other, "run.out"];
    const pushed = await runTool("oras-push", args, { cwd: folder, env });
    assert.equal(pushed.code, 0, pushed.stderr);
    assert.match(pushed.stderr, /^Mounted {3}[0-9a-f]{12} run\.out$/m);
    const pulled = await runTool("oras-push", ["pull", other, "-o", "mounted"], { cwd: folder, env });
    assert.equal(pulled.code, 0, pulled.stderr);
    const all = await runTool("oras-push", ["pull", "--all", `${registry.address}/metric/mounted`, "-o", "all"], {
      cwd: folder,
      env,
    });
    assert.equal(all.code, 0, all.stderr);
    assert.equal(readFileSync(join(folder, "all", "1", "run.out"), "utf8"), "Loop time of 12.5347\n");
  });

  it("causes exit code 77 and one line for a wrong password", async () => {
    const wrong = { ...env, ORAS_PUSH_PASS: "wrong" };
    const { code, stderr } = await runTool("oras-push", [reference("2"), "run.out"], { cwd: folder, env: wrong });
    assert.equal(code, 77);
    assert.match(stderr, /^oras-push: the registry returned 401 for a token request[^\n]*\nhint: [^\n]*\n$/);
  });
});
