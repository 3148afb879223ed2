/** The executable with slow registries, with strict registries, and with servers that are not registries. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { type Interceptor, refuse, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { closeServer, listen } from "../../support/registry/server.ts";
import { type ProcessResult, runTool } from "../../support/tools.ts";
import { noise } from "../support/noise.ts";
import { limitBodies, limitWrites } from "../support/registry/limits.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder({ after });
const BASIC = `Basic ${Buffer.from("bob:right").toString("base64")}`;

before(() => {
  writeFileSync(join(folder, "run.out"), "Loop time of 12.5347\n");
  writeFileSync(join(folder, "large.out"), noise(1_300_000));
  mkdirSync(join(folder, "many"));
  for (let index = 0; index < 8; index++) writeFileSync(join(folder, "many", `${index}.out`), `${index}\n`);
});

const tool = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  runTool("oras-push", args, { cwd: folder, env: { HOME: folder, ...env } });

async function serverWith(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  t.after(() => closeServer(server));
  return listen(server);
}

async function registryWith(t: TestContext, interceptor: Interceptor) {
  const registry = await startMemoryRegistry();
  t.after(() => registry.close());
  registry.intercept(interceptor);
  return registry;
}

/** Requires the password of the user bob. */
const needsBob: Interceptor = (request, response) => {
  if (request.headers.authorization === BASIC) return false;
  request.resume();
  refuse(response.setHeader("www-authenticate", "Basic"), 401, "UNAUTHORIZED", "authentication required");
  return true;
};

describe("a server that is no registry", () => {
  it("fails a push with 76 and a hint if it answers everything with a web page", async (t) => {
    const address = await serverWith(t, (request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "text/html" }).end("<html><title>Welcome</title></html>");
    });
    const { code, stdout, stderr } = await tool([`${address}/metric/run:1`, "run.out"]);
    assert.equal(code, 76, stderr);
    assert.match(stderr, /returned 200 for POST \S+ \(expected 202: Welcome\)\nhint: check the address of the reg/);
    assert.equal(stdout, "");
  });

  it("fails push and pull within the time of --retry-for if it does not answer", async (t) => {
    const address = await serverWith(t, () => {});
    const start = performance.now();
    const [pushed, pulled] = (await Promise.all([
      tool([`${address}/metric/run:1`, "run.out", "--retry-for", "5"]),
      tool(["pull", `${address}/metric/run:1`, "--retry-for", "5"]),
    ])) as [ProcessResult, ProcessResult];
    for (const { code, stderr } of [pushed, pulled]) {
      assert.equal(code, 69, stderr);
      assert.match(stderr, /cannot reach the registry \S+ \(no response /);
    }
    // If the tool ignored `--retry-for`, it would retry for 30 s. The limit of 20 s also allows for the start of the
    // tool, which takes seconds on a busy machine.
    assert.ok(performance.now() - start < 20_000);
  });
});

describe("a registry with limits", () => {
  it("gets a layer in chunks if a proxy in front of it accepts bodies of 1 MiB", async (t) => {
    const registry = await registryWith(t, limitBodies(1 << 20));
    const pushed = await tool([`${registry.address}/metric/run:1`, "large.out"]);
    assert.equal(pushed.code, 0, pushed.stderr);
    const pulled = await tool(["pull", `${registry.address}/metric/run:1`, "-o", "back"]);
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.ok(readFileSync(join(folder, "back", "large.out")).equals(readFileSync(join(folder, "large.out"))));
  });

  it("gets all layers of two pushes at once if it takes three writes a second", { timeout: 60_000 }, async (t) => {
    const registry = await registryWith(t, limitWrites(3));
    const paths = Array.from({ length: 8 }, (_, index) => join("many", `${index}.out`));
    const pushes = ["1", "2"].map((tag) => tool([`${registry.address}/metric/run:${tag}`, ...paths]));
    for (const { code, stderr } of await Promise.all(pushes)) assert.equal(code, 0, stderr);
    assert.ok(registry.requests.length < 140, `${registry.requests.length} requests`);
  });
});

describe("credentials that a registry refuses", () => {
  it("are named with exit code 77, and so are missing ones", async (t) => {
    const { address } = await registryWith(t, needsBob);
    const wrong = await tool([`${address}/metric/run:1`, "run.out"], { ORAS_USER: "bob", ORAS_PUSH_PASS: "wrong" });
    assert.equal(wrong.code, 77, wrong.stderr);
    assert.match(wrong.stderr, /\(bob was refused.*\)\nhint: check the user/);
    const none = await tool([`${address}/metric/run:1`, "run.out"]);
    assert.equal(none.code, 77, none.stderr);
    assert.match(none.stderr, /\(no credentials were given.*\)\nhint: set credentials/);
  });

  it("are refused with 64 before any request if the password is missing", async (t) => {
    const registry = await registryWith(t, needsBob);
    const reference = `${registry.address}/metric/run:1`;
    for (const args of [
      [reference, "run.out", "-u", "bob"],
      ["pull", reference, "-u", "bob"],
    ]) {
      const { code, stderr } = await tool(args);
      assert.equal(code, 64, stderr);
      assert.match(stderr, /--username bob has no password/);
    }
    assert.equal(registry.requests.length, 0);
  });

  it("do not include a newline at the end of a variable", async (t) => {
    const { address } = await registryWith(t, needsBob);
    const env = { ORAS_USER: "bob\n", ORAS_PUSH_PASS: "right\n" };
    const { code, stderr } = await tool([`${address}/metric/run:1`, "run.out"], env);
    assert.equal(code, 0, stderr);
  });
});
