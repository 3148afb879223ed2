import assert from "node:assert/strict";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { gunzipSync } from "node:zlib";
import { pull } from "oras-push/artifact/pull";
import { createdAnnotation, type PushResult, push } from "oras-push/artifact/push";
import type { PushedLayer } from "oras-push/artifact/push-layer";
import { layerOf } from "oras-push/layer/layer";
import type { LayerSource } from "oras-push/layer/layer-source";
import { ANNOTATIONS } from "oras-push/oci/annotations";
import type { ArtifactStore } from "oras-push/oci/artifact-store";
import { EMPTY_DESCRIPTOR } from "oras-push/oci/descriptor";
import { digestOf } from "oras-push/oci/meter";
import { ToolError } from "shared/cli/tool-error";
import { type MemoryRegistry, refuse, startMemoryRegistry } from "../../../support/registry/memory-registry.ts";
import { freePort } from "../../../support/registry/process-registry.ts";
import { type RunningProcess, run, runTool, startTool } from "../../../support/tools.ts";
import { chain, failing, first, type Match, readBytes, resetting, STEPS } from "../../support/registry/faults.ts";
import { startTokenServer } from "../../support/registry/token-server.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import {
  assertBytes,
  layersOf,
  memoryRegistry,
  NO_PROGRESS,
  noise,
  repositoryAt,
  sha256,
  startServer,
  storeArtifact,
} from "../support.ts";

const OPTIONS = { concurrency: 3, noClobber: false, progress: NO_PROGRESS };
const REFERENCE = { registry: "localhost", repository: "metric/run", tag: "1", digest: undefined };
const ARTIFACT = { annotations: { "org.opencontainers.image.created": "2023-11-14T22:13:20Z" } };
/** A size in bytes. A push does not keep a whole layer of this size in memory. */
const LARGE = 9 << 20;

/**
 * Creates the sources of a push. The push streams the large folder, and reads the small folder and the small file
 * before the upload.
 */
function makeSources(base: string): string[] {
  mkdirSync(join(base, "large-folder"));
  writeFileSync(join(base, "large-folder", "noise"), noise(LARGE));
  mkdirSync(join(base, "small-folder"));
  writeFileSync(join(base, "small-folder", "f"), "content");
  writeFileSync(join(base, "large-file"), noise(LARGE, 2));
  writeFileSync(join(base, "small-file"), "small");
  return ["large-folder", "small-folder", "large-file", "small-file"].map((name) => join(base, name));
}

function layers(paths: readonly string[]): Promise<LayerSource[]> {
  return Promise.all(paths.map((path) => layerOf({ path }, { level: 1, latest: 1_600_000_000, report: () => {} })));
}

/** Pushes to one store, with the tag 1. */
async function pushTo(target: ArtifactStore, sources: readonly LayerSource[], options = OPTIONS): Promise<PushResult> {
  const [result] = await push([{ store: target, references: [REFERENCE] }], sources, ARTIFACT, options);
  assert.ok(result);
  return result;
}

async function setting(t: TestContext) {
  const registry = await memoryRegistry(t);
  const base = temporaryFolder(t);
  const repository = repositoryAt(t, registry.address);
  return {
    registry,
    base,
    repository,
    push: async (paths: readonly string[]) => pushTo(repository, await layers(paths)),
  };
}

/** Pulls `run:1`. Checks that each path in `names` is the same in the pulled folder and in `base`. */
async function assertPulledIsPushed(
  t: TestContext,
  registry: MemoryRegistry,
  base: string,
  names: readonly string[] = ["."],
): Promise<void> {
  const folder = temporaryFolder(t);
  const options = { folder, keepOldFiles: false, ...OPTIONS };
  await pull(repositoryAt(t, registry.address), "run:1", "1", options);
  for (const name of names) {
    const { stdout, stderr } = await run("diff", ["-r", "--no-dereference", join(base, name), join(folder, name)]);
    assert.equal(stdout + stderr, "");
  }
}

describe("pushes", () => {
  it("send every blob and the empty config before the manifest, and write the tag last", async (t) => {
    const { registry, base, push } = await setting(t);
    const { manifest, layers } = await push(makeSources(base));
    const seen = registry.requests.map(({ method, url }) => `${method} ${url}`);
    assert.equal(seen.at(-1), "PUT /v2/metric/run/manifests/1");
    assert.equal(seen.filter((request) => /^PUT .*\/manifests\//.test(request)).length, 1);
    assert.equal(registry.blobs.size, 5);
    assert.equal(registry.blobs.get(digestOf(Buffer.from("{}")))?.toString(), "{}");
    assert.deepEqual(
      layers.map(({ sent }) => sent),
      [true, true, true, true],
    );
    assert.equal(registry.manifests.get("metric/run:1")?.bytes.equals(manifest.bytes), true);
    assert.deepEqual(
      layersOf(registry, "metric/run:1").map(({ annotations }) => annotations?.["org.opencontainers.image.title"]),
      ["large-folder", "small-folder", "large-file", "small-file"],
      "the layers are not in their order",
    );
    await assertPulledIsPushed(t, registry, base);
  });

  /** Returns the transfer encoding of each upload request. If a request has none, returns the size of its body. */
  const bodies = (requests: MemoryRegistry["requests"]) =>
    requests
      .filter(({ method, url }) => method === "PATCH" || (method === "PUT" && url.includes("/blobs/")))
      .map(({ headers }) => headers["transfer-encoding"] ?? Number(headers["content-length"]))
      .filter((body) => body !== 0 && body !== 2);

  it("stream a large folder in one pass", async (t) => {
    const { registry, base, push } = await setting(t);
    await push(makeSources(base).slice(0, 1));
    assert.deepEqual(bodies(registry.requests), ["chunked"]);
  });

  it("stream a large file in one pass if the repository has no tag", async (t) => {
    const { registry, base, push } = await setting(t);
    const [, , file = ""] = makeSources(base);
    await push([file]);
    assert.deepEqual(bodies(registry.requests), ["chunked"]);
    assert.ok(registry.requests.some(({ url }) => url === "/v2/metric/run/tags/list?n=1"));
    await assertPulledIsPushed(t, registry, base, ["large-file"]);
  });

  it("send a large file with its length if the registry may have it", async (t) => {
    const { registry, base, push } = await setting(t);
    const [, , file = "", small = ""] = makeSources(base);
    await push([small]);
    const before = registry.requests.length;
    await push([file]);
    assert.deepEqual(bodies(registry.requests.slice(before)), [LARGE]);
  });

  for (const [name, answer] of [
    ["refuses to list tags", (response) => refuse(response, 403, "DENIED", "no listing")],
    ["fails to list tags", (response) => refuse(response, 500, "UNKNOWN", "no database")],
    ["returns an invalid list of tags", (response) => void response.writeHead(200).end("<html>")],
    ["closes the connection during the list", (response) => void response.destroy()],
  ] satisfies [string, (response: ServerResponse) => void][])
    it(`ask once, and assume that a registry that ${name} may have a large file`, async (t) => {
      const { registry, base, push } = await setting(t);
      const [, , file = ""] = makeSources(base);
      let asked = 0;
      registry.intercept((request, response) => {
        if (!request.url?.includes("/tags/list")) return false;
        asked++;
        answer(response);
        return true;
      });
      await push([file]);
      assert.equal(asked, 1);
      assert.deepEqual(bodies(registry.requests), [LARGE]);
    });

  it("send no blob that the registry has", async (t) => {
    const { registry, base, push } = await setting(t);
    const paths = makeSources(base).slice(1);
    await push(paths);
    const before = registry.requests.length;
    const { layers } = await push(paths);
    assert.deepEqual(
      layers.map(({ sent }) => sent),
      [false, false, false],
    );
    const again = registry.requests.slice(before);
    assert.deepEqual(again.map(({ method }) => method).sort(), ["GET", "HEAD", "HEAD", "HEAD", "HEAD", "PUT"]);
    assert.equal(again.at(-1)?.url, "/v2/metric/run/manifests/1");
  });

  describe("repeated pushes of a large folder", () => {
    /**
     * Pushes a folder. The returned function `again` pushes the folder again, and returns whether this push sent the
     * blob.
     */
    async function pushedFolder(t: TestContext) {
      const found = await setting(t);
      const [folder = ""] = makeSources(found.base);
      const { manifest, layers } = await found.push([folder]);
      const [{ descriptor }] = layers as [PushedLayer];
      const again = async (level = 1) => {
        const before = found.registry.requests.length;
        const source = await layerOf({ path: folder }, { level, latest: 1_600_000_000, report: () => {} });
        const result = await pushTo(repositoryAt(t, found.registry.address), [source]);
        const requests = found.registry.requests.slice(before);
        const sent = requests.some(({ method }) => method === "PATCH" || method === "POST");
        assert.equal(result.layers[0]?.sent, sent);
        return { ...result, sent };
      };
      return { ...found, folder, manifest, descriptor, again };
    }

    it("send no blob, and give the same manifest", async (t) => {
      const { manifest, again } = await pushedFolder(t);
      const second = await again();
      assert.equal(second.sent, false);
      assert.equal(second.manifest.descriptor.digest, manifest.descriptor.digest);
    });

    it("send a changed folder, even if its first bytes are the same", async (t) => {
      const { folder, registry, again } = await pushedFolder(t);
      writeFileSync(join(folder, "zzz"), "new");
      assert.equal((await again()).sent, true);
      assert.match(
        gunzipSync(registry.blobs.get(layersOf(registry, "metric/run:1")[0]?.digest ?? "") as Buffer).toString(
          "latin1",
        ),
        /zzz/,
      );
    });

    it("send the blob if the earlier one was compressed at another level", async (t) => {
      const { again } = await pushedFolder(t);
      const [stored, packed] = [await again(0), await again(1)];
      assert.equal(stored.sent && packed.sent, true);
      assert.notEqual(stored.manifest.descriptor.digest, packed.manifest.descriptor.digest);
    });

    it("send the blob if the registry lost it, or returns a broken manifest", async (t) => {
      const { registry, descriptor, again } = await pushedFolder(t);
      const blob = registry.blobs.get(descriptor.digest) as Buffer;
      registry.blobs.delete(descriptor.digest);
      assert.equal((await again()).sent, true);
      assertBytes(registry.blobs.get(descriptor.digest) as Buffer, blob);
      for (const headers of [{}, { "docker-content-digest": digestOf(blob) }]) {
        const broken = first(
          1,
          STEPS.getManifest,
          (_, response) => void response.writeHead(200, headers).end("<html>"),
        );
        registry.intercept(broken);
        assert.equal((await again()).sent, true);
      }
    });
  });

  it("ask for the empty config while they read the layers", async (t) => {
    const { registry, base, push } = await setting(t);
    writeFileSync(join(base, "earlier"), "earlier");
    await push([join(base, "earlier")]);
    writeFileSync(join(base, "file"), "content");
    const asked = registry.requests.length;
    // The registry answers the request for the layer only after it has received the request for the config.
    const config = Promise.withResolvers<void>();
    registry.intercept(async ({ method, url = "" }) => {
      if (method === "HEAD" && url.includes(EMPTY_DESCRIPTOR.digest)) config.resolve();
      if (method === "HEAD" && !url.includes(EMPTY_DESCRIPTOR.digest)) await config.promise;
      return false;
    });
    await push([join(base, "file")]);
    const methods = registry.requests.slice(asked).map(({ method }) => method);
    assert.deepEqual(methods, ["HEAD", "HEAD", "POST", "PUT", "PUT"]);
  });

  it("ask again for the empty config if the registry did not answer", async (t) => {
    const { registry, base, push } = await setting(t);
    writeFileSync(join(base, "file"), "content");
    const isConfig: Match = (method, url) => method === "HEAD" && url.includes(EMPTY_DESCRIPTOR.digest);
    registry.intercept(failing(500, isConfig));
    await push([join(base, "file")]);
    assert.equal(registry.requests.filter(({ method, url }) => isConfig(method, url)).length, 2);
    assert.ok(registry.blobs.has(EMPTY_DESCRIPTOR.digest));
  });

  it("without paths have the empty layer", async (t) => {
    const { registry, push } = await setting(t);
    await push([]);
    const [layer] = layersOf(registry, "metric/run:1");
    assert.equal(layer?.mediaType, "application/vnd.oci.empty.v1+json");
    assert.equal(registry.blobs.size, 1);
  });

  it("give the same digest for the same files", async (t) => {
    const { base, push } = await setting(t);
    const paths = makeSources(base);
    const [one, two] = [await push(paths), await push(paths)];
    assert.equal(one.manifest.descriptor.digest, two.manifest.descriptor.digest);
  });

  it("record their date in whole seconds", () => {
    assert.deepEqual(createdAnnotation(new Date("2023-11-14T22:13:20.999Z")), {
      "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
    });
  });
});

describe("pushes to a failing registry", () => {
  const steps = ["headBlob", "post", "patch", "putBlob", "putManifest"] as const;
  for (const step of steps)
    for (const status of [500, 503])
      it(`retry a ${status} on ${step}`, async (t) => {
        const { registry, base, push } = await setting(t);
        registry.intercept(failing(status, STEPS[step], 2));
        await push(makeSources(base));
        await assertPulledIsPushed(t, registry, base);
      });

  for (const step of steps)
    it(`retry a reset on ${step}`, async (t) => {
      const { registry, base, push } = await setting(t);
      registry.intercept(resetting(STEPS[step], step === "patch" ? 1 << 20 : 0, 2));
      await push(makeSources(base));
      await assertPulledIsPushed(t, registry, base);
    });

  it("renew tokens that expire constantly", async (t) => {
    const { registry, base, repository } = await setting(t);
    const tokens = await startTokenServer();
    t.after(() => tokens.close());
    const uses = new Map<string | undefined, number>();
    // Every token is valid for two requests. The registry rejects a third request with the same token. In some cases,
    // the client has already sent the whole body when it receives the rejection.
    registry.intercept((request, response) => {
      const { authorization } = request.headers;
      const used = (uses.get(authorization) ?? 0) + 1;
      uses.set(authorization, used);
      if (used > 2) tokens.valid.delete(authorization?.replace("Bearer ", "") ?? "");
      return tokens.gate(request, response);
    });
    await pushTo(repository, await layers(makeSources(base)), { ...OPTIONS, concurrency: 1 });
    assert.ok(tokens.queries.length > 5, String(tokens.queries.length));
    registry.intercept(undefined);
    await assertPulledIsPushed(t, registry, base);
  });

  it("write no tag if the registry stays broken", async (t) => {
    const registry = await memoryRegistry(t);
    const base = temporaryFolder(t);
    registry.intercept(failing(503, STEPS.patch, 1_000_000));
    const retry = { deadlineSeconds: 0.1, firstDelay: 1, longestDelay: 10 };
    const repository = repositoryAt(t, registry.address, { retry });
    await assert.rejects(
      pushTo(repository, await layers(makeSources(base))),
      (error: ToolError) => error.exitCode === 76,
    );
    assert.equal(registry.manifests.size, 0);
  });
});

describe("pushes of changing files", () => {
  for (const [name, step, change, tagged] of [
    ["large-folder", "patch", (path: string) => appendFileSync(join(path, "noise"), "x"), false],
    ["large-file", "patch", (path: string) => appendFileSync(path, "x"), false],
    ["large-file", "putBlob", (path: string) => appendFileSync(path, "x"), true],
    ["large-file", "post", (path: string) => rmSync(path), true],
  ] as const)
    it(`fail once for ${name} during ${step}, with its path, no tag and no open upload`, async (t) => {
      const { registry, base, push } = await setting(t);
      makeSources(base);
      if (tagged) storeArtifact(registry, "earlier", []);
      const before = registry.manifests.size;
      const path = join(base, name);
      // The files are large. When the registry receives the first bytes, the push still has to read most of the bytes.
      for (const file of [join(base, "large-folder", "noise"), join(base, "large-file")])
        writeFileSync(file, noise(40 << 20));
      registry.intercept(async (request) => {
        if (!STEPS[step](request.method ?? "", request.url ?? "")) return false;
        registry.intercept(undefined);
        if (step !== "post") await once(request, "readable");
        change(path);
        return false;
      });
      await assert.rejects(push([path]), (error: unknown) => {
        assert.ok(error instanceof ToolError, String(error));
        assert.equal(error.exitCode, 66);
        assert.ok(error.message.includes(path), error.message);
        return true;
      });
      assert.equal(registry.requests.filter(({ method }) => method === "POST").length, 1);
      assert.equal(registry.manifests.size, before);
      assert.equal(registry.uploads.size, 0);
    });
});

/** Runs the executable to push to a registry. */
function pushTool(registry: { address: string }, args: readonly string[], options: Parameters<typeof runTool>[2] = {}) {
  return runTool("oras-push", [`${registry.address}/metric/run:1`, ...args], options);
}

/** Resolves when the stderr of a running tool matches `line`. */
function writesLine(running: RunningProcess, line: RegExp): Promise<void> {
  let text = "";
  return new Promise((resolve) => {
    running.child.stderr?.on("data", (chunk: string) => {
      text += chunk;
      if (line.test(text)) resolve();
    });
  });
}

/** Whether a process has a file open. */
function hasOpen(pid: number, path: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(join(folder, fd)) === path;
    } catch {
      // It was closed meanwhile.
      return false;
    }
  });
}

describe("the executable", () => {
  it("pushes a folder with the same title, media type and tar digest as oras", async (t) => {
    const registry = await memoryRegistry(t);
    const folder = join(temporaryFolder(t), "analysis");
    mkdirSync(folder);
    writeFileSync(join(folder, "f"), "content");
    const { code, stdout, stderr } = await pushTool(registry, [`${folder}/`]);
    assert.equal(code, 0, stderr);
    const stored = registry.manifests.get("metric/run:1")?.bytes ?? Buffer.alloc(0);
    assert.equal(stdout, `Pushed [registry] ${registry.address}/metric/run:1\nDigest: ${digestOf(stored)}\n`);
    const [layer] = layersOf(registry, "metric/run:1");
    const blob = registry.blobs.get(layer?.digest ?? "") ?? Buffer.alloc(0);
    assert.equal(layer?.mediaType, "application/vnd.oci.image.layer.v1.tar+gzip");
    assert.deepEqual(layer?.annotations, {
      "io.deis.oras.content.digest": `sha256:${sha256(gunzipSync(blob))}`,
      "io.deis.oras.content.unpack": "true",
      "org.opencontainers.image.title": "analysis",
    });
  });

  it("writes only the pushed artifact to stdout with --format json", async (t) => {
    const registry = await memoryRegistry(t);
    const base = temporaryFolder(t);
    writeFileSync(join(base, "f"), "content");
    const termination = join(base, "termination-log");
    writeFileSync(termination, "old and longer than the new message ".repeat(100));
    const args = ["f:text/plain", "-a", "k=v", "--format", "json", "--termination-message", termination];
    const { stdout, stderr } = await pushTool(registry, args, { cwd: base });
    const result = JSON.parse(stdout) as Record<string, unknown>;
    const stored = registry.manifests.get("metric/run:1")?.bytes ?? Buffer.alloc(0);
    assert.deepEqual(result, {
      reference: `${registry.address}/metric/run:1`,
      digest: digestOf(stored),
      size: stored.length,
      layers: layersOf(registry, "metric/run:1"),
      skipped: 0,
    });
    assert.equal((JSON.parse(stored.toString()) as { annotations: Record<string, string> }).annotations.k, "v");
    assert.match(stderr, /^Uploading +[0-9a-f]{12} f\nUploaded +[0-9a-f]{12} f\n$/);
    assert.deepEqual(JSON.parse(readFileSync(termination, "utf8")), {
      reference: result.reference,
      digest: result.digest,
    });
  });

  it("writes references and digests to the termination message, as many as Kubernetes reads", async (t) => {
    const registry = await memoryRegistry(t);
    const base = temporaryFolder(t);
    writeFileSync(join(base, "f"), "content");
    const termination = join(base, "termination-log");
    writeFileSync(termination, "");
    const references = Array.from(
      { length: 30 },
      (_, index) => `${registry.address}/metric/run:${index}-${"x".repeat(90)}`,
    );
    const args = ["f", "--termination-message", termination, ...references.flatMap((name) => ["--to", name])];
    await pushTool(registry, args, { cwd: base });
    const message = readFileSync(termination, "utf8");
    assert.ok(message.length <= 4096 && message.length > 3500, `${message.length} bytes`);
    const lines = message.split("\n").map((line) => JSON.parse(line) as Record<string, string>);
    assert.deepEqual(
      lines.map(({ reference }) => reference),
      [`${registry.address}/metric/run:1`, ...references].slice(0, lines.length),
    );
    for (const { digest } of lines) assert.match(digest ?? "", /^sha256:[0-9a-f]{64}$/);
    const [first] = references as [string];
    const pulled = await runTool("oras-push", ["pull", first, "-o", "back", "--termination-message", termination], {
      cwd: base,
    });
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.deepEqual(JSON.parse(readFileSync(termination, "utf8")), { reference: first, digest: lines[0]?.digest });
  });

  it("warns that an artifact without paths has no files", async (t) => {
    const { code, stderr } = await pushTool(await memoryRegistry(t), []);
    assert.equal(code, 0);
    assert.equal(stderr, "oras-push: pushed an artifact without files, because no PATH is given\n");
  });

  it("does not create the file of the termination message", async (t) => {
    const registry = await memoryRegistry(t);
    const base = temporaryFolder(t);
    await pushTool(registry, ["--termination-message", join(base, "none")], { cwd: base });
    assert.deepEqual(readdirSync(base), []);
  });

  it("rejects an invalid SOURCE_DATE_EPOCH", async (t) => {
    const registry = await memoryRegistry(t);
    const args = [`${registry.address}/metric/run:1`];
    for (const [value, code] of [
      ["soon", 64],
      ["-1", 64],
      ["", 0],
      ["1700000000", 0],
    ] as const) {
      const ended = await runTool("oras-push", args, { env: { SOURCE_DATE_EPOCH: value } });
      assert.equal(ended.code, code, ended.stderr);
      if (code === 64)
        assert.match(ended.stderr, /^oras-push: SOURCE_DATE_EPOCH must be a number of seconds since 1970, not "/);
    }
  });

  it("accepts paths with a leading dash, a trailing slash, a colon, and a dot", async (t) => {
    const registry = await memoryRegistry(t);
    const base = temporaryFolder(t);
    mkdirSync(join(base, "here", "deep"), { recursive: true });
    for (const name of ["-x", "a:b"]) writeFileSync(join(base, "here", name), name);
    const titles = async (...paths: string[]) => {
      await pushTool(registry, paths, { cwd: join(base, "here") });
      return layersOf(registry, "metric/run:1").map(({ annotations }) => annotations?.[ANNOTATIONS.title]);
    };
    assert.deepEqual(await titles("deep/", "a:b", "--", "-x"), ["deep", "a:b", "-x"]);
    assert.deepEqual(await titles("."), ["here"]);
    assert.deepEqual(await titles("..", "./-x"), [base.slice(base.lastIndexOf("/") + 1), "-x"]);
    const twice = [`${registry.address}/metric/run:2`, "deep", "../here/deep"];
    const { code, stderr } = await runTool("oras-push", twice, { cwd: join(base, "here") });
    assert.equal(code, 64);
    assert.match(stderr, /^oras-push: two paths are named "deep"/);
  });

  it("waits for a registry that refuses connections at first", async (t) => {
    const base = temporaryFolder(t);
    writeFileSync(join(base, "f"), "content");
    const port = await freePort();
    const running = startTool("oras-push", [`127.0.0.1:${port}/metric/run:1`, "f"], { cwd: base });
    await writesLine(running, /retrying in .*retrying in .*connection refused/s);
    const registry = await startMemoryRegistry(port);
    t.after(() => registry.close());
    const { code, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    assert.ok(registry.manifests.has("metric/run:1"));
  });

  it("exits with 69 if the registry cannot be reached", async (t) => {
    const base = temporaryFolder(t);
    writeFileSync(join(base, "f"), "content");
    const address = `127.0.0.1:${await freePort()}`;
    const { code, stderr } = await pushTool({ address }, ["f", "--retry-for", "0"], { cwd: base });
    assert.equal(code, 69);
    assert.equal(
      stderr.split("\n").at(-2),
      `oras-push: cannot reach the registry ${address} (connection refused (ECONNREFUSED))`,
    );
  });

  it("exits with 66 for a missing path, before any request", async (t) => {
    const registry = await memoryRegistry(t);
    const { code, stderr } = await pushTool(registry, ["/nowhere/at/all"]);
    assert.equal(code, 66);
    assert.equal(stderr, "oras-push: cannot read /nowhere/at/all (no such file or directory)\n");
    assert.equal(registry.requests.length, 0);
  });

  it("exits with 66 and the path for a file that a normal user may not read", async (t) => {
    const registry = await memoryRegistry(t);
    const base = temporaryFolder(t);
    chmodSync(base, 0o755);
    writeFileSync(join(base, "closed"), "x", { mode: 0o000 });
    const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    const { code, stderr } = await pushTool(registry, [base], { cwd: "/", ...user });
    assert.equal(code, 66);
    assert.equal(stderr.split("\n").at(-2), `oras-push: cannot read ${base}/closed (permission denied)`);
    assert.equal(registry.manifests.size, 0);
  });

  it("exits with 143 after SIGTERM during an upload, with no tag and no open upload", async (t) => {
    const registry = await memoryRegistry(t);
    const base = temporaryFolder(t);
    makeSources(base);
    registry.intercept(
      first(1, STEPS.patch, async (request) => {
        await readBytes(request, 1 << 20);
        running.child.kill("SIGTERM");
      }),
    );
    const running = startTool("oras-push", [`${registry.address}/metric/run:1`, "large-folder"], { cwd: base });
    const { code, stderr } = await running.ended;
    assert.equal(code, 143);
    assert.match(stderr, /^oras-push: ended by SIGTERM$/m);
    assert.equal(registry.manifests.size, 0);
    assert.equal(registry.uploads.size, 0);
  });

  for (const [what, path] of [
    ["a large file is hashed", "large"],
    ["a large folder is compressed", "."],
  ] as const)
    it(`exits soon after SIGTERM while ${what}, and sends nothing`, async (t) => {
      const registry = await memoryRegistry(t);
      const base = temporaryFolder(t);
      writeFileSync(join(base, "large"), "");
      truncateSync(join(base, "large"), 20 * 2 ** 30);
      // If the repository contained no artifact, the push would not hash the large file before the upload.
      storeArtifact(registry, "0", []);
      const before = registry.manifests.size;
      const running = startTool("oras-push", [`${registry.address}/metric/run:1`, path], { cwd: base });
      await t.waitFor(() => assert.ok(hasOpen(running.pid, join(base, "large"))), { timeout: 30_000 });
      const start = performance.now();
      running.child.kill("SIGTERM");
      const { code, stderr } = await running.ended;
      assert.equal(code, 143, stderr);
      assert.ok(performance.now() - start < 10_000);
      const sending = registry.requests.filter(({ method }) => method !== "GET" && method !== "HEAD");
      assert.deepEqual(sending, []);
      assert.equal(registry.manifests.size, before);
    });

  it("exits soon after SIGTERM while the registry does not respond", async (t) => {
    const base = temporaryFolder(t);
    writeFileSync(join(base, "f"), "content");
    const address = await startServer(t, () => void running.child.kill("SIGTERM"));
    const running = startTool("oras-push", [`${address}/metric/run:1`, "f"], { cwd: base });
    const start = performance.now();
    assert.equal((await running.ended).code, 143);
    assert.ok(performance.now() - start < 5000);
  });
});

describe("credentials of the executable", () => {
  const BASIC = `Basic ${Buffer.from("me:secret-pw").toString("base64")}`;
  const AUTH = Buffer.from("me:secret-pw").toString("base64");

  /** Starts a registry that requires tokens, and a token server that requires a user and a password. */
  async function guarded(t: TestContext) {
    const tokens = await startTokenServer({ authorization: BASIC });
    t.after(() => tokens.close());
    const registry = await memoryRegistry(t);
    registry.intercept(tokens.gate);
    const base = temporaryFolder(t);
    writeFileSync(join(base, "f"), "content");
    return { registry, tokens, base };
  }

  it("may be a mounted pull secret alone, and appear in no output, not even with --debug", async (t) => {
    const { registry, base, tokens } = await guarded(t);
    const secret = JSON.stringify({ auths: { [registry.address]: { auth: AUTH } } });
    writeFileSync(join(base, ".dockerconfigjson"), secret);
    const { code, stdout, stderr } = await pushTool(registry, ["f", "--debug"], {
      cwd: base,
      env: { DOCKER_CONFIG: base },
    });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^token from .* -> 200$/m);
    assert.equal(tokens.queries[0]?.parameters.get("scope"), "repository:metric/run:pull,push");
    for (const secret of ["secret-pw", "secret-token", AUTH, "Bearer", "Basic"])
      assert.ok(!`${stdout}${stderr}`.includes(secret), secret);
  });

  it("may be the variables of the operator, or a user with the password on stdin", async (t) => {
    const { registry, base } = await guarded(t);
    const env = { ORAS_USER: "me", ORAS_PUSH_PASS: "secret-pw", ORAS_PULL_PASS: "other" };
    assert.equal((await pushTool(registry, ["f"], { cwd: base, env })).code, 0);
    const args = [`${registry.address}/metric/run:2`, "f", "-u", "me", "--password-stdin"];
    const running = startTool("oras-push", args, { cwd: base, stdio: ["pipe", "pipe", "pipe"] });
    running.child.stdin?.end("secret-pw\n");
    const { code, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
  });

  it("exit with 77, one line and a hint if they are wrong", async (t) => {
    const { registry, base } = await guarded(t);
    const env = { ORAS_USER: "me", ORAS_PUSH_PASS: "secret-wrong" };
    const { code, stdout, stderr } = await pushTool(registry, ["f"], { cwd: base, env });
    assert.equal(code, 77);
    assert.equal(stdout, "");
    assert.match(stderr, /^oras-push: the registry returned 401 for [^\n]*\nhint: [^\n]*\n$/);
    const debugged = await pushTool(registry, ["f", "--debug"], { cwd: base, env });
    assert.equal(debugged.code, 77);
    assert.ok(!debugged.stderr.includes("secret-wrong"));
    assert.ok(!debugged.stderr.includes(Buffer.from("me:secret-wrong").toString("base64")));
  });
});

describe("memory", () => {
  /** The peak of a process's resident anonymous memory, in MiB. */
  async function peakOf(running: RunningProcess): Promise<number> {
    let peak = 0;
    const sampling = setInterval(() => {
      try {
        const status = readFileSync(`/proc/${running.pid}/status`, "utf8");
        peak = Math.max(peak, Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024);
      } catch {
        // The process has ended.
      }
    }, 10);
    const { code, stderr } = await running.ended;
    clearInterval(sampling);
    assert.equal(code, 0, stderr);
    return peak;
  }

  function sparseFile(path: string, size: number): void {
    const file = openSync(path, "w");
    ftruncateSync(file, size);
    closeSync(file);
  }

  it("stays limited for a folder with a file of 1 GiB", async (t) => {
    const registry = await memoryRegistry(t);
    const base = temporaryFolder(t);
    mkdirSync(join(base, "sparse"));
    sparseFile(join(base, "sparse", "zeros"), 1 << 30);
    const peak = await peakOf(
      startTool("oras-push", [`${registry.address}/metric/run:1`, "sparse", "--compression-level", "1"], { cwd: base }),
    );
    t.diagnostic(`peak of resident anonymous memory: ${peak.toFixed(0)} MiB`);
    assert.ok(peak > 0 && peak < 200, `${peak} MiB`);
  });

  it("stays limited for a file of 1 GiB and a slow registry", async (t) => {
    const registry = await memoryRegistry(t);
    const base = temporaryFolder(t);
    sparseFile(join(base, "zeros"), 1 << 30);
    registry.intercept(
      chain(
        first(
          1,
          (method, url) => STEPS.putBlob(method, url),
          async (request, response) => {
            for await (const _ of request) await new Promise((resolve) => setImmediate(resolve));
            // The registry does not keep the content, but it must report that it has the blob.
            const digest = new URL(request.url ?? "", "http://r").searchParams.get("digest") ?? "";
            registry.blobs.set(digest, Buffer.alloc(0));
            response.writeHead(201).end();
          },
        ),
      ),
    );
    const peak = await peakOf(startTool("oras-push", [`${registry.address}/metric/run:1`, "zeros"], { cwd: base }));
    t.diagnostic(`peak of resident anonymous memory: ${peak.toFixed(0)} MiB`);
    assert.ok(peak > 0 && peak < 200, `${peak} MiB`);
    assert.equal(layersOf(registry, "metric/run:1")[0]?.size, 1 << 30);
  });
});
