import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, createServer as createPlainServer } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { Credential } from "oras-push/oci/auth/credential";
import type { RegistryRequest } from "oras-push/oci/http/message";
import type { Transport } from "oras-push/oci/http/transport";
import { RegistryError } from "oras-push/oci/registry-error";
import { ToolError } from "shared/cli/tool-error";
import { startMemoryRegistry } from "../../../../support/registry/memory-registry.ts";
import { freePort } from "../../../../support/registry/process-registry.ts";
import { failing } from "../../../support/registry/faults.ts";
import { startTokenServer, type TokenOptions } from "../../../support/registry/token-server.ts";
import { temporaryFolder } from "../../../support/temporary.ts";
import { type Cleaner, connect, memoryRegistry, QUICK_RETRY, startServer } from "../../support.ts";

const ME: Credential = { kind: "basic", username: "me", password: "secret-pw" };
const ME_BASIC = `Basic ${Buffer.from("me:secret-pw").toString("base64")}`;
const GET = { method: "GET", target: "/v2/", scope: "s", expect: [200] } as const;

async function text(transport: Transport, request: RegistryRequest = GET): Promise<string> {
  return (await (await transport.send(request)).bytes(1000)).toString();
}

async function tokenServer(t: Cleaner, options?: TokenOptions) {
  const server = await startTokenServer(options);
  t.after(() => server.close());
  return server;
}

/**
 * Starts a server that requires an `Authorization` header. Returns the address, and the requests that the server
 * receives.
 */
async function basicServer(t: TestContext, authorization: string) {
  const requests: IncomingMessage[] = [];
  const address = await startServer(t, (request, response) => {
    requests.push(request);
    if (request.headers.authorization === authorization) return response.end("hello");
    return response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
  });
  return { address, requests };
}

/** Starts a registry that requires the token `t` of a token server. Returns the registry's address. */
function bearerRegistry(t: TestContext, realm: string): Promise<string> {
  return startServer(t, (request, response) => {
    if (request.headers.authorization === "Bearer t") return response.end("hello");
    return response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end();
  });
}

describe("basic authentication", () => {
  it("sends the credentials after the first challenge, and with each later request", async (t) => {
    const { address, requests } = await basicServer(t, ME_BASIC);
    const transport = connect(t, address, { credentials: async () => ME });
    assert.equal(await text(transport), "hello");
    assert.equal(await text(transport), "hello");
    assert.deepEqual(
      requests.map(({ headers }) => headers.authorization),
      [undefined, ME_BASIC, ME_BASIC],
    );
  });

  it("sends the credentials for several requests at the same time", async (t) => {
    const { address } = await basicServer(t, ME_BASIC);
    const transport = connect(t, address, { credentials: async () => ME });
    const texts = await Promise.all([text(transport), text(transport), text(transport)]);
    assert.deepEqual(texts, ["hello", "hello", "hello"]);
  });

  it("fails with 77 for a wrong password, without a retry", async (t) => {
    const { address, requests } = await basicServer(t, "something else");
    const transport = connect(t, address, { credentials: async () => ME });
    await assert.rejects(text(transport), (error: RegistryError) => error.exitCode === 77 && error.status === 401);
    assert.equal(requests.length, 2);
  });

  it("names the refused user, or the missing credentials, and what to check", async (t) => {
    const { address } = await basicServer(t, "something else");
    for (const [credential, why, hint] of [
      [ME, "me was refused", /^check the user/],
      [undefined, "no credentials were given", /^set credentials/],
    ] as const)
      await assert.rejects(
        text(connect(t, address, { credentials: async () => credential })),
        (error: RegistryError) => {
          assert.equal(error.why, why);
          assert.match(error.hint ?? "", hint);
          return error.exitCode === 77;
        },
      );
  });
});

describe("bearer authentication", () => {
  it("uses one token for all requests of a scope", async (t) => {
    const tokens = await tokenServer(t, { authorization: ME_BASIC });
    const registry = await memoryRegistry(t);
    registry.intercept(tokens.gate);
    const transport = connect(t, registry.address, { credentials: async () => ME });
    for (let round = 0; round < 3; round++) assert.equal(await text(transport), "{}");
    await text(transport, { ...GET, scope: "other" });
    assert.deepEqual(
      tokens.queries.map(({ parameters }) => parameters.getAll("scope")),
      [["s"], ["other"]],
    );
    assert.equal(tokens.queries[0]?.parameters.get("service"), "registry, of tests");
  });

  it("renews a token that the registry rejects", async (t) => {
    const tokens = await tokenServer(t);
    const registry = await memoryRegistry(t);
    registry.intercept(tokens.gate);
    const transport = connect(t, registry.address);
    await text(transport);
    tokens.valid.clear();
    assert.equal(await text(transport), "{}");
    assert.equal(tokens.queries.length, 2);
  });

  it("accepts a token with a life of one second", async (t) => {
    const tokens = await tokenServer(t, { expiresIn: 1, field: "access_token" });
    const registry = await memoryRegistry(t);
    registry.intercept(tokens.gate);
    assert.equal(await text(connect(t, registry.address)), "{}");
  });

  it("fails with 77 if the token server refuses a token", async (t) => {
    const tokens = await tokenServer(t, { authorization: "another" });
    const registry = await memoryRegistry(t);
    registry.intercept(tokens.gate);
    const transport = connect(t, registry.address, { credentials: async () => ME });
    await assert.rejects(text(transport), (error: RegistryError) => {
      assert.equal(error.why, "me was refused: UNAUTHORIZED: wrong user or password");
      return error.exitCode === 77;
    });
    assert.equal(tokens.queries.length, 1);
  });

  for (const [kind, words] of [
    ["refresh", "the identity token was refused"],
    ["bearer", "the access token was refused"],
  ] as const)
    it(`names a refused token of the kind ${kind}`, async (t) => {
      const tokens = await tokenServer(t, { authorization: "another" });
      const registry = await memoryRegistry(t);
      registry.intercept(tokens.gate);
      const transport = connect(t, registry.address, { credentials: async () => ({ kind, token: "t0ken" }) });
      await assert.rejects(text(transport), (error: RegistryError) => (error.why ?? "").startsWith(words));
    });

  it("follows a redirect of the token server, and sends no credentials to another origin", async (t) => {
    const there: IncomingMessage[] = [];
    const other = await startServer(t, (request, response) => {
      there.push(request);
      response.end('{"token":"t"}');
    });
    const authorizations: (string | undefined)[] = [];
    const tokens = await startServer(t, (request, response) => {
      authorizations.push(request.headers.authorization);
      const location = request.url?.startsWith("/token") ? "/moved?a=b" : `http://${other}/elsewhere`;
      response.writeHead(302, { location }).end();
    });
    const transport = connect(t, await bearerRegistry(t, `http://${tokens}/token`), { credentials: async () => ME });
    assert.equal(await text(transport), "hello");
    assert.deepEqual(authorizations, [ME_BASIC, ME_BASIC]);
    assert.deepEqual(
      there.map(({ url, headers }) => [url, headers.authorization]),
      [["/elsewhere", undefined]],
    );
  });

  it("does not send a refresh token to another origin", async (t) => {
    const requests: IncomingMessage[] = [];
    const other = await startServer(t, (request, response) => {
      requests.push(request);
      response.end('{"token":"t"}');
    });
    const tokens = await startServer(t, (_, response) =>
      response.writeHead(307, { location: `http://${other}/token` }).end(),
    );
    const transport = connect(t, await bearerRegistry(t, `http://${tokens}/token`), {
      credentials: async () => ({ kind: "refresh", token: "secret-refresh" }),
    });
    await assert.rejects(text(transport), (error: ToolError) => {
      assert.match(error.message, /cannot follow a redirect of the token server/);
      return error.code === "registry" && !String(error.stack).includes("secret-refresh");
    });
    assert.deepEqual(requests, []);
  });

  it("stops after five redirects of the token server", async (t) => {
    let count = 0;
    const tokens = await startServer(t, (_, response) =>
      response.writeHead(302, { location: `/again/${++count}` }).end(),
    );
    const transport = connect(t, await bearerRegistry(t, `http://${tokens}/token`));
    await assert.rejects(text(transport), (error: ToolError) => /redirects more than 5 times$/.test(error.message));
    assert.equal(count, 6);
  });

  it("retries if the token server is overloaded", async (t) => {
    let requests = 0;
    const tokens = await startServer(t, (_, response) => {
      if (++requests < 3) response.writeHead(503).end();
      else response.end('{"token":"t"}');
    });
    const registry = await memoryRegistry(t);
    registry.intercept((request, response) => {
      if (request.headers.authorization === "Bearer t") return false;
      response.writeHead(401, { "www-authenticate": `Bearer realm="http://${tokens}/token"` }).end();
      return true;
    });
    assert.equal(await text(connect(t, registry.address)), "{}");
    assert.equal(requests, 3);
  });
});

describe("redirects", () => {
  it("to another origin keep the headers, but not the credentials", async (t) => {
    const there: IncomingMessage[] = [];
    const other = await startServer(t, (request, response) => {
      there.push(request);
      response.end("content");
    });
    const address = await startServer(t, (request, response) => {
      if (request.headers.authorization === undefined)
        return response.writeHead(401, { "www-authenticate": "Basic" }).end();
      return response.writeHead(307, { location: `http://${other}/blob?signature=1` }).end();
    });
    const transport = connect(t, address, { credentials: async () => ME });
    assert.equal(await text(transport, { ...GET, headers: { range: "bytes=5-" } }), "content");
    assert.equal(there[0]?.url, "/blob?signature=1");
    assert.equal(there[0]?.headers.authorization, undefined);
    assert.equal(there[0]?.headers.range, "bytes=5-");
  });

  it("to the same origin keep the credentials", async (t) => {
    const address = await startServer(t, (request, response) => {
      if (request.headers.authorization !== ME_BASIC)
        return response.writeHead(401, { "www-authenticate": "Basic" }).end();
      if (request.url === "/v2/") return response.writeHead(302, { location: "../elsewhere" }).end();
      return response.end(request.url);
    });
    assert.equal(await text(connect(t, address, { credentials: async () => ME })), "/elsewhere");
  });

  it("to a host with a challenge send no credentials to it or to its token server", async (t) => {
    const tokens = await tokenServer(t);
    const other = await startServer(t, (_, response) =>
      response.writeHead(401, { "www-authenticate": `Bearer realm="${tokens.url}", Basic realm="other"` }).end(),
    );
    const address = await startServer(t, (_, response) =>
      response.writeHead(307, { location: `http://${other}/blob` }).end(),
    );
    const transport = connect(t, address, { credentials: async () => ME });
    await assert.rejects(
      text(transport),
      (error: RegistryError) => error.status === 401 && error.message.includes(other),
    );
    assert.deepEqual(tokens.queries, []);
  });

  it("to an unreachable host name it", async (t) => {
    const closed = `127.0.0.1:${await freePort()}`;
    const address = await startServer(t, (_, response) =>
      response.writeHead(307, { location: `http://${closed}/` }).end(),
    );
    const retry = { ...QUICK_RETRY, deadlineSeconds: 0 };
    await assert.rejects(text(connect(t, address, { retry })), (error: ToolError) => {
      assert.equal(error.message, `cannot reach ${closed}, to which the registry ${address} redirects`);
      return error.exitCode === 69;
    });
  });

  it("without end are a failure of the registry", async (t) => {
    let count = 0;
    const address = await startServer(t, (_, response) =>
      response.writeHead(307, { location: `/again/${++count}` }).end(),
    );
    await assert.rejects(text(connect(t, address)), (error: ToolError) => {
      assert.match(error.message, /redirects more than 5 times$/);
      return error.code === "registry";
    });
    assert.equal(count, 6);
  });
});

describe("failed requests", () => {
  for (const status of [408, 429, 500, 502, 503, 504])
    it(`are retried after a ${status}`, async (t) => {
      const registry = await memoryRegistry(t);
      registry.intercept(failing(status, () => true, 2));
      assert.equal(await text(connect(t, registry.address)), "{}");
      assert.equal(registry.requests.length, 3);
    });

  for (const status of [400, 403, 404, 405, 409, 413, 501])
    it(`are not retried after a ${status}`, async (t) => {
      const registry = await memoryRegistry(t);
      registry.intercept(failing(status, () => true, 2));
      await assert.rejects(
        text(connect(t, registry.address)),
        (error) => error instanceof RegistryError && error.status === status && error.registryCode !== undefined,
      );
      assert.equal(registry.requests.length, 1);
    });

  for (const [what, status, body, why, hint] of [
    [
      "nginx on a port for TLS",
      400,
      "The plain HTTP request was sent to HTTPS port",
      /HTTPS port/,
      /--plain-http=false/,
    ],
    ["a missing client certificate", 400, "No required SSL certificate was sent", /certificate/, /--cert-file/],
    ["a quota", 403, '{"errors":[{"code":"DENIED","message":"quota exceeded"}]}', /^DENIED: quota exceeded$/, /^$/],
  ] as const)
    it(`have the reason of a HEAD, which is requested with a GET: ${what}`, async (t) => {
      const methods: (string | undefined)[] = [];
      const address = await startServer(t, ({ method }, response) => {
        methods.push(method);
        response.writeHead(status).end(body);
      });
      await assert.rejects(connect(t, address).send({ ...GET, method: "HEAD" }), (error: RegistryError) => {
        assert.match(error.message, new RegExp(`returned ${status} for HEAD`));
        assert.match(error.why ?? "", why);
        assert.match(error.hint ?? "", hint);
        return error.exitCode === 76;
      });
      assert.deepEqual(methods, ["HEAD", "GET"]);
    });

  it("have no reason if the GET after a HEAD succeeds, whose body is not read", async (t) => {
    let sent = 0;
    const address = await startServer(t, ({ method }, response) => {
      if (method === "HEAD") return response.writeHead(400).end();
      const more = (): void => {
        if (sent > 100 << 20 || response.destroyed) return;
        sent += 1 << 20;
        response.write(Buffer.alloc(1 << 20), more);
      };
      return more();
    });
    await assert.rejects(
      connect(t, address).send({ ...GET, method: "HEAD" }),
      (error: RegistryError) => error.status === 400 && error.why === undefined,
    );
    assert.ok(sent < 60 << 20, `${sent} bytes were sent`);
  });

  for (const status of [401, 404])
    it(`do not repeat a HEAD with a GET after a ${status}`, async (t) => {
      let requests = 0;
      const address = await startServer(t, (_, response) => {
        requests++;
        response.writeHead(status).end();
      });
      await assert.rejects(connect(t, address).send({ ...GET, method: "HEAD" }), RegistryError);
      assert.equal(requests, 1);
    });

  it("name the expected status if the answer is a success", async (t) => {
    const address = await startServer(t, (_, response) => response.end("<html><title>Welcome</title></html>"));
    await assert.rejects(
      connect(t, address).send({ ...GET, method: "POST", expect: [202] }),
      (error: RegistryError) => {
        assert.equal(error.why, "expected 202: Welcome");
        assert.match(error.hint ?? "", /another web server/);
        return error.exitCode === 76;
      },
    );
  });

  for (const [form, value] of [
    ["seconds", () => "1"],
    ["a date", () => new Date(Date.now() + 2000).toUTCString()],
  ] as const)
    it(`wait as long as a Retry-After with ${form} asks for`, async (t) => {
      const registry = await memoryRegistry(t);
      const lines: string[] = [];
      registry.intercept(failing(429, () => true, 1, { "retry-after": value() }));
      const start = performance.now();
      await text(connect(t, registry.address, { warn: (line) => lines.push(line) }));
      assert.ok(performance.now() - start > 900, "it did not wait");
      assert.match(
        lines.join("\n"),
        /^GET 127\.0\.0\.1:\d+: retrying in [12]\.\d s: the registry returned 429 for .*$/,
      );
    });

  it("wait for a registry that refuses connections at first", async (t) => {
    const port = await freePort();
    let started = false;
    const warn = async () => {
      if (started) return;
      started = true;
      const registry = await startMemoryRegistry(port);
      t.after(() => registry.close());
    };
    assert.equal(await text(connect(t, `127.0.0.1:${port}`, { warn })), "{}");
    assert.equal(started, true);
  });

  it("fail with 69 and the name of an unreachable registry", async (t) => {
    const address = `127.0.0.1:${await freePort()}`;
    const retry = { ...QUICK_RETRY, deadlineSeconds: 0.05 };
    await assert.rejects(text(connect(t, address, { retry })), (error: ToolError) => {
      assert.equal(error.message, `cannot reach the registry ${address}`);
      assert.equal(error.why, "connection refused (ECONNREFUSED)");
      return error.exitCode === 69;
    });
  });

  it("are retried if the connection breaks before the response", async (t) => {
    let attempts = 0;
    const address = await startServer(t, (request, response) => {
      if (++attempts < 3) request.socket.resetAndDestroy();
      else response.end("at last");
    });
    assert.equal(await text(connect(t, address)), "at last");
  });

  it("have a hint about TLS if a registry closes the connections of plain HTTP", async (t) => {
    const address = await startServer(t, (request) => void request.socket.end());
    const retry = { ...QUICK_RETRY, deadlineSeconds: 0 };
    await assert.rejects(text(connect(t, address, { retry })), (error: ToolError) => {
      assert.match(error.hint ?? "", /--plain-http=false/);
      return error.code === "unavailable";
    });
  });

  it("report a broken response as a failure of the network", async (t) => {
    const address = await startServer(t, (_, response) => {
      response.writeHead(200, { "content-length": "100" }).write("half");
      setImmediate(() => response.socket?.resetAndDestroy());
    });
    await assert.rejects(text(connect(t, address)), (error: unknown) => {
      assert.ok(error instanceof ToolError, String(error));
      return error.code === "unavailable";
    });
  });

  it("are not retried if the server does not speak HTTP", async (t) => {
    let attempts = 0;
    const server = createPlainServer((socket) => {
      attempts++;
      t.after(() => socket.destroy());
      socket.end("220 mail.example ESMTP\r\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => void server.close());
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await assert.rejects(text(connect(t, address)), (error: ToolError) => error.code === "unavailable");
    assert.equal(attempts, 1);
  });

  it("reject a response longer than its limit", async (t) => {
    const address = await startServer(t, (_, response) => response.end("x".repeat(1001)));
    await assert.rejects(text(connect(t, address)), (error: ToolError) => {
      assert.match(error.message, /longer than 1000 bytes/);
      return error.code === "registry";
    });
  });

  it("throw the reason of an abort before the response", async (t) => {
    const controller = new AbortController();
    const address = await startServer(t, () => controller.abort(new Error("stop")));
    await assert.rejects(text(connect(t, address, { signal: controller.signal })), /^Error: stop$/);
  });

  it("throw the reason of an abort during the response", async (t) => {
    const controller = new AbortController();
    const address = await startServer(t, (_, response) => {
      response.writeHead(200, { "content-length": "100" }).write("half");
    });
    const response = await connect(t, address, { signal: controller.signal }).send(GET);
    controller.abort(new Error("stop"));
    await assert.rejects(response.bytes(1000), /^Error: stop$/);
  });
});

describe("the debug log", () => {
  it("contains neither password, token, upload state nor signature", async (t) => {
    const tokens = await tokenServer(t, { authorization: ME_BASIC });
    const registry = await memoryRegistry(t);
    registry.intercept(async (request, response) => {
      if (await tokens.gate(request, response)) return true;
      if (!(request.url ?? "").startsWith("/v2/blob")) return false;
      response.writeHead(307, { location: "/v2/?signature=secret-signature" }).end();
      return true;
    });
    const lines: string[] = [];
    const debug = (line: string) => lines.push(line);
    const transport = connect(t, registry.address, { credentials: async () => ME, debug, warn: debug });
    await text(transport, { ...GET, target: "/v2/blob?_state=secret-state" });
    const log = lines.join("\n");
    assert.match(log, /^GET http:\/\/127\.0\.0\.1:\d+\/v2\/blob -> 401$/m);
    assert.match(log, /^token from http:\/\/127\.0\.0\.1:\d+\/token -> 200$/m);
    assert.match(log, /^GET http:\/\/127\.0\.0\.1:\d+\/v2\/blob -> 307$/m);
    assert.match(log, /^GET http:\/\/127\.0\.0\.1:\d+\/v2\/ -> 200$/m);
    assert.doesNotMatch(log, /secret|Basic|Bearer/);
  });
});

describe("a registry that echoes credentials", () => {
  it("has its message shown without secrets", async (t) => {
    const address = await startServer(t, ({ headers }, response) => {
      if (headers.authorization === undefined) return response.writeHead(401, { "www-authenticate": "Basic" }).end();
      const message = `no way for ${headers.authorization}, ${Buffer.from(headers.authorization.slice(6), "base64")}`;
      return response.writeHead(400).end(JSON.stringify({ errors: [{ code: "DENIED", message }] }));
    });
    const transport = connect(t, address, { credentials: async () => ME });
    await assert.rejects(text(transport), (error: RegistryError) => {
      assert.equal(error.why, `DENIED: no way for Basic ***, ${ME.username}:***`);
      return true;
    });
  });
});

describe("TLS", () => {
  const openssl = spawnSync("openssl", ["version"]).status === 0;
  const skip = openssl ? false : "openssl is not installed";

  async function secureServer(t: TestContext) {
    const folder = temporaryFolder(t);
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const names = ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"];
    const files = ["-keyout", key, "-out", cert];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    assert.equal(spawnSync("openssl", ["req", "-x509", ...kind, ...names, ...files]).status, 0);
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) =>
      response.end("safe"),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    });
    return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, cert: readFileSync(cert) };
  }

  it("is used with --ca-file even on this machine", { skip }, async (t) => {
    const { address, cert } = await secureServer(t);
    assert.equal(await text(connect(t, address, { ca: cert })), "safe");
  });

  it("fails with 69 and a hint for an untrusted certificate, without a retry", { skip }, async (t) => {
    const { address } = await secureServer(t);
    const { cert } = await secureServer(t);
    await assert.rejects(text(connect(t, address, { ca: cert })), (error: ToolError) => {
      assert.match(error.why ?? "", /DEPTH_ZERO_SELF_SIGNED_CERT/);
      assert.match(error.hint ?? "", /--ca-file/);
      return error.exitCode === 69;
    });
  });

  it("accepts any certificate with --insecure", { skip }, async (t) => {
    const { address } = await secureServer(t);
    assert.equal(await text(connect(t, address, { insecure: true })), "safe");
  });

  it("is used with --plain-http=false even on this machine", { skip }, async (t) => {
    const { address } = await secureServer(t);
    const transport = connect(t, address, { plainHttp: false, insecure: true });
    assert.equal(await text(transport), "safe");
  });

  it("does not fall back to plain HTTP with --plain-http=false", async (t) => {
    const registry = await memoryRegistry(t);
    await assert.rejects(
      text(connect(t, registry.address, { insecure: true, plainHttp: false })),
      (error: ToolError) => error.code === "unavailable",
    );
    assert.equal(registry.requests.length, 0);
  });

  it("falls back to plain HTTP with --insecure", async (t) => {
    const registry = await memoryRegistry(t);
    const transport = connect(t, registry.address, { insecure: true });
    assert.equal(await text(transport), "{}");
    assert.equal(await text(transport), "{}");
  });

  it("does not fall back to plain HTTP without --insecure", { skip }, async (t) => {
    const { cert } = await secureServer(t);
    const registry = await memoryRegistry(t);
    await assert.rejects(
      text(connect(t, registry.address, { ca: cert })),
      (error: ToolError) => error.code === "unavailable" && /--plain-http/.test(error.hint ?? ""),
    );
    assert.equal(registry.requests.length, 0);
  });
});
