/** Pushes and pulls of many runs: several references, separate tags, `--no-clobber`, and pulls of all tags. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { findProgram } from "../../support/debian.ts";
import { type MemoryRegistry, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { type ProcessRegistry, startDistribution } from "../../support/registry/process-registry.ts";
import { type ProcessResult, run, runTool } from "../../support/tools.ts";
import { noise } from "../support/noise.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder({ after });
const LARGE = 12 << 20;

before(() => {
  mkdirSync(join(folder, "analysis", "logs"), { recursive: true });
  writeFileSync(join(folder, "analysis", "result.txt"), "42\n");
  writeFileSync(join(folder, "analysis", "logs", "run.log"), "log\n");
  mkdirSync(join(folder, "large"));
  writeFileSync(join(folder, "large", "noise"), noise(LARGE));
});

const tool = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => runTool("oras-push", args, { cwd: folder, env });

async function ok(running: Promise<ProcessResult>): Promise<ProcessResult> {
  const ended = await running;
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
}

describe("with the in-process registry", () => {
  let registry: MemoryRegistry;
  before(async () => {
    registry = await startMemoryRegistry();
  });
  beforeEach(() => registry.intercept(undefined));
  after(() => registry.close());
  const at = (name: string) => `${registry.address}/${name}`;

  describe("--no-clobber", () => {
    const push = (tag: string, ...more: string[]) => tool([at(`keep:${tag}`), "analysis", "--no-clobber", ...more]);

    it("pushes to a free tag, and accepts a tag with the same content", async () => {
      const first = await ok(push("same"));
      const before = registry.requests.length;
      const later = await ok(push("same", "--format", "json"));
      assert.equal(JSON.parse(later.stdout).digest, /Digest: (\S+)/.exec(first.stdout)?.[1]);
      assert.ok(registry.requests.slice(before).every(({ method }) => method === "GET"));
    });

    it("refuses a tag with other content before any upload, and describes that content", async () => {
      await ok(push("taken"));
      const before = registry.requests.length;
      const refused = await push("taken", "--exclude", "*.log");
      assert.equal(refused.code, 73);
      assert.match(
        refused.stderr,
        /keep:taken already refers to different content \(sha256:\S+, made \S+, analysis \S+ of \d+ bytes\)/,
      );
      assert.ok(registry.requests.slice(before).every(({ method }) => method === "GET"));
    });

    it("refuses other annotations and another artifact type", async () => {
      await ok(push("annotated", "-a", "a=1"));
      assert.equal((await push("annotated", "-a", "a=2")).code, 73);
      assert.equal((await push("annotated", "-a", "a=1", "--artifact-type", "x/y")).code, 73);
      assert.equal((await push("annotated", "-a", "a=1")).code, 0);
    });

    it("checks again before it writes the tag", async () => {
      await ok(tool([at("keep:other"), "large"]));
      let requests = 0;
      registry.intercept((request, response) => {
        if (request.method !== "GET" || !request.url?.endsWith("/manifests/late") || requests++ > 0) return false;
        // At the first request, the tag does not exist yet. During the upload, another push writes the tag.
        const other = registry.manifests.get("keep:other");
        assert.ok(other);
        registry.manifests.set("keep:late", other);
        response.writeHead(404).end();
        return true;
      });
      const refused = await push("late");
      assert.equal(refused.code, 73, refused.stderr);
      assert.deepEqual(registry.manifests.get("keep:late"), registry.manifests.get("keep:other"));
    });

    it("is off by default: a push overwrites a tag", async () => {
      await ok(tool([at("keep:old"), "large"]));
      await ok(tool([at("keep:old"), "analysis"]));
      const manifest = registry.manifests.get("keep:old");
      assert.match(String(manifest?.bytes), /"analysis"/);
    });
  });

  it("replaces {NAME} in a reference by an environment variable, and names an unset one", async () => {
    const env = { JOB_COMPLETION_INDEX: "7", POD_NAME: "lammps-7-x2v" };
    await ok(tool([at("job/{POD_NAME}:{JOB_COMPLETION_INDEX}"), "analysis"], env));
    assert.ok(registry.manifests.has("job/lammps-7-x2v:7"));
    await ok(tool(["pull", at("job/{POD_NAME}:{JOB_COMPLETION_INDEX}"), "-o", "by-name"], env));
    for (const unset of [{}, { NODE: "" }]) {
      const { code, stderr } = await tool([at("job:{NODE}"), "analysis"], unset);
      assert.equal(code, 64);
      assert.match(stderr, /job:\{NODE\} needs the environment variable NODE, which is not set/);
    }
    assert.equal((await tool([at("job:{BAD}"), "analysis"], { BAD: "a b" })).code, 64);
  });

  it("sends a blob once and cancels the upload if a registry opens an upload instead of a mount", async () => {
    const seen: string[] = [];
    registry.intercept((request, response) => hideFrom(request, response, "/v2/second/", seen));
    await ok(tool([at("first:1"), "--to", at("second:1"), "large"]));
    assert.equal(seen.filter((entry) => entry.startsWith("POST") && entry.includes("mount=")).length, 2 - 1);
    assert.equal(seen.filter((entry) => entry.startsWith("DELETE")).length, 1);
    assert.equal(seen.filter((entry) => entry.startsWith("PUT") && entry.includes("/blobs/")).length, 1 + 1);
    assert.deepEqual(registry.manifests.get("first:1"), registry.manifests.get("second:1"));
  });

  it("writes no tag if a folder changes before it is sent to the second repository", async () => {
    const changing = join(folder, "changing");
    mkdirSync(changing);
    writeFileSync(join(changing, "file"), "before");
    registry.intercept((request, response) => {
      writeFileSync(join(changing, "file"), request.url?.startsWith("/v2/after/") ? "after!" : "before");
      return hideFrom(request, response, "/v2/after/", []);
    });
    const { code, stderr } = await tool([at("before:1"), "--to", at("after:1"), "changing"]);
    assert.equal(code, 66, stderr);
    assert.match(stderr, /changing changed during the push/);
    assert.equal(registry.manifests.has("before:1"), false);
  });

  it("sends each blob once for several tags of one repository", async () => {
    const before = registry.requests.length;
    const args = [at("tags:a"), "--to", at("tags:b"), "--to", at("tags:c"), "analysis", "--format", "json"];
    const pushed = (await ok(tool(args))).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      pushed.map(({ reference }) => reference),
      ["a", "b", "c"].map((tag) => at(`tags:${tag}`)),
    );
    assert.equal(new Set(pushed.map(({ digest }) => digest)).size, 1);
    const heads = registry.requests.slice(before).filter(({ method }) => method === "HEAD");
    assert.equal(heads.length, 2);
  });

  it("writes no tag if one of the registries cannot be reached", async () => {
    const args = [at("whole:1"), "--to", "127.0.0.1:1/whole:1", "analysis", "--retry-for", "0"];
    assert.equal((await tool(args)).code, 69);
    assert.equal(registry.manifests.has("whole:1"), false);
  });

  it("rejects a repeated reference as a usage error", async () => {
    const { code, stderr } = await tool([at("twice:1"), "--to", at("twice:1"), "analysis"]);
    assert.equal(code, 64);
    assert.match(stderr, /the reference \S+twice:1 is given twice/);
  });

  it("follows all pages of the tag list with pull --all", async () => {
    for (const tag of ["a", "b", "c"]) await ok(tool([at(`paged:${tag}`), "analysis"]));
    registry.intercept((request, response) => {
      const url = new URL(request.url ?? "", "http://registry");
      if (url.pathname !== "/v2/paged/tags/list") return false;
      const last = url.searchParams.get("last");
      const tags = last === null ? ["a", "b"] : ["c"];
      const link = last === null ? { link: '</v2/paged/tags/list?last=b&n=2>; rel="next"' } : {};
      response.writeHead(200, link).end(JSON.stringify({ name: "paged", tags }));
      return true;
    });
    await ok(tool(["pull", "--all", at("paged"), "-o", "paged"]));
    assert.deepEqual(readdirSync(join(folder, "paged")).sort(), ["a", "b", "c"]);
    for (const tag of ["a", "b", "c"])
      assert.equal(readFileSync(join(folder, "paged", tag, "analysis", "result.txt"), "utf8"), "42\n");
  });

  it("refuses an endless list, a tag that leads out of the folder, and no tags with pull --all", async () => {
    const answer = (tags: string[], headers: Record<string, string> = {}) =>
      registry.intercept((request, response) => {
        if (!request.url?.startsWith("/v2/odd/tags/list")) return false;
        response.writeHead(200, headers).end(JSON.stringify({ name: "odd", tags }));
        return true;
      });
    const pull = () => tool(["pull", "--all", at("odd"), "-o", "odd"]);
    answer(["a"], { link: '</v2/odd/tags/list?last=a>; rel="next"' });
    assert.match((await pull()).stderr, /returns the same page of tags again and again/);
    answer(["../out"]);
    const out = await pull();
    assert.equal(out.code, 76);
    assert.match(out.stderr, /the registry lists an invalid tag: "\.\.\/out"/);
    registry.intercept(undefined);
    const none = await pull();
    assert.equal(none.code, 76);
    assert.match(none.stderr, /no artifact in \S+\/odd \(the repository has no tags\)/);
    assert.equal((await tool(["pull", "--all", at("odd:1")])).code, 64);
  });

  it("skips tags without an artifact with pull --all, and reports skipped and pulled ones", async () => {
    for (const tag of ["1", "5"]) await ok(tool([at(`mixed:${tag}`), "analysis"]));
    await ok(tool([at("mixed:2-failed"), "analysis", "-a", "dev.oras-pod-tools.run.exit-code=3"]));
    const index = '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}';
    for (const [tag, bytes] of [
      ["3-index", index],
      ["4-html", "<html>"],
    ] as const)
      registry.manifests.set(`mixed:${tag}`, { bytes: Buffer.from(bytes), mediaType: "application/octet-stream" });
    const { code, stdout, stderr } = await tool(["pull", "--all", at("mixed"), "-o", "mixed", "--format", "json"]);
    assert.equal(code, 76, stderr);
    assert.deepEqual(readdirSync(join(folder, "mixed")).sort(), ["1", "2-failed", "5"]);
    assert.equal(readFileSync(join(folder, "mixed", "5", "analysis", "result.txt"), "utf8"), "42\n");
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ reference, error, exitCode }) => [reference, error, exitCode]),
      [
        [at("mixed:1"), undefined, undefined],
        [at("mixed:2-failed"), undefined, undefined],
        [at("mixed:5"), undefined, undefined],
        [
          at("mixed:3-index"),
          `cannot pull the artifact ${at("mixed:3-index")} (expected an image manifest, found "application/vnd.oci.image.index.v1+json")`,
          76,
        ],
        [at("mixed:4-html"), `cannot pull the artifact ${at("mixed:4-html")} (it is not JSON)`, 76],
      ],
    );
    assert.match(stderr, /^oras-push: skipped \S+\/mixed:3-index: .* \(expected an image manifest, .*\)$/m);
    assert.match(
      stderr,
      /^oras-push: \S+\/mixed:2-failed is pulled, but it is the output of a run that failed with exit code 3$/m,
    );
    assert.match(stderr, /\noras-push: 2 of 5 tags could not be pulled \(\S+:3-index, \S+:4-html\)\n$/);
  });

  it("skips a tag that conflicts with a file with pull --all, and stops if the registry denies access", async () => {
    for (const tag of ["a", "b"]) await ok(tool([at(`partly:${tag}`), "analysis"]));
    mkdirSync(join(folder, "partly", "a"), { recursive: true });
    writeFileSync(join(folder, "partly", "a", "analysis"), "a file");
    const conflicting = await tool(["pull", "--all", at("partly"), "-o", "partly"]);
    assert.equal(conflicting.code, 73, conflicting.stderr);
    assert.match(conflicting.stdout, /^Pulled \[registry\] \S+\/partly:b\nDigest: \S+\n$/);
    registry.intercept((request, response) => {
      if (!request.url?.includes("/manifests/")) return false;
      response.writeHead(403).end();
      return true;
    });
    const before = registry.requests.length;
    assert.equal((await tool(["pull", "--all", at("partly"), "-o", "partly"])).code, 77);
    assert.equal(registry.requests.length - before, 2);
  });

  it("pushes a part of a folder with --include and --exclude", async () => {
    await ok(tool([at("chosen:1"), "analysis", "--include", "*.log"]));
    await ok(tool(["pull", at("chosen:1"), "-o", "chosen"]));
    assert.deepEqual(readdirSync(join(folder, "chosen"), { recursive: true }).sort(), [
      "analysis",
      "analysis/logs",
      "analysis/logs/run.log",
    ]);
  });

  it("stores a folder uncompressed with --compression none, and rejects a level", async () => {
    const pushed = await ok(tool([at("stored:1"), "large", "--compression", "none", "--format", "json"]));
    const [layer] = JSON.parse(pushed.stdout).layers;
    assert.ok(layer.size > LARGE);
    assert.equal(gunzipSync(registry.blobs.get(layer.digest) as Buffer).length, Math.ceil(LARGE / 512) * 512 + 2048);
    const { code, stderr } = await tool([at("stored:1"), "large", "--compression", "none", "--compression-level", "3"]);
    assert.equal(code, 64);
    assert.match(stderr, /--compression-level needs --compression gzip or zstd/);
    assert.equal((await tool([at("stored:1"), "large", "--compression", "bzip2"])).code, 64);
  });

  it("compresses a folder with zstd, and restores it", async () => {
    const options = ["--compression", "zstd", "--compression-level", "4", "--format", "json"];
    const pushed = await ok(tool([at("zstd:1"), "analysis", ...options]));
    const [layer] = JSON.parse(pushed.stdout).layers;
    assert.equal(layer.mediaType, "application/vnd.oci.image.layer.v1.tar+zstd");
    assert.equal(registry.blobs.get(layer.digest)?.readUInt32LE(0), 0xfd2fb528);
    const again = await ok(tool([at("zstd:1"), "analysis", ...options]));
    assert.equal(JSON.parse(again.stdout).layers[0].digest, layer.digest);
    await ok(tool(["pull", at("zstd:1"), "-o", "from-zstd"]));
    const { stdout, stderr } = await run("diff", ["-r", "analysis", "from-zstd/analysis"], { cwd: folder });
    assert.equal(stdout + stderr, "");
  });

  it("annotates manifest, config and layers with --annotation-file, as oras does", async () => {
    writeFileSync(
      join(folder, "annotations.json"),
      JSON.stringify({
        $manifest: { a: "file", b: "file" },
        $config: { c: "config" },
        analysis: { d: "layer" },
        gone: {},
      }),
    );
    const args = [at("noted:1"), "./analysis/", "--annotation-file", "annotations.json", "-a", "b=option"];
    const { stderr } = await ok(tool([...args, "--export-manifest", "manifest.json"]));
    assert.match(stderr, /--annotation-file: no pushed path matches "gone"/);
    const bytes = readFileSync(join(folder, "manifest.json"));
    assert.deepEqual(bytes, registry.manifests.get("noted:1")?.bytes);
    const { annotations, config, layers } = JSON.parse(String(bytes));
    assert.equal(annotations.a, "file");
    assert.equal(annotations.b, "option");
    assert.deepEqual(config.annotations, { c: "config" });
    assert.equal(layers[0].annotations.d, "layer");
  });

  it("rejects an annotation file that is invalid or replaces a title", async () => {
    for (const [content, why] of [
      ["{", "expected a JSON object"],
      ["[]", "expected a JSON object"],
      ['{"$manifest":{"a":1}}', '"\\$manifest" must be an object whose values are strings'],
      [
        '{"analysis":{"org.opencontainers.image.title":"x"}}',
        "because clients need this annotation to restore the layer",
      ],
    ] as const) {
      writeFileSync(join(folder, "wrong.json"), content);
      const { code, stderr } = await tool([at("noted:2"), "analysis", "--annotation-file", "wrong.json"]);
      assert.equal(code, 64, content);
      assert.match(stderr, new RegExp(why));
    }
    assert.equal((await tool([at("noted:2"), "analysis", "--annotation-file", "missing.json"])).code, 66);
  });

  it("accepts --disable-path-validation and --no-tty, which change nothing without a terminal", async () => {
    const path = join(folder, "analysis");
    const env = { SOURCE_DATE_EPOCH: "1" };
    const plain = await ok(tool([at("flags:1"), path], env));
    const flagged = await ok(tool([at("flags:2"), path, "--disable-path-validation", "--no-tty"], env));
    const [layer] = JSON.parse(String(registry.manifests.get("flags:1")?.bytes)).layers;
    assert.equal(layer.annotations["org.opencontainers.image.title"], "analysis");
    assert.deepEqual(registry.manifests.get("flags:2"), registry.manifests.get("flags:1"));
    assert.match(plain.stderr, /^Uploading .*\nUploaded .*\n$/);
    assert.match(flagged.stderr, /^Exists .*\n$/);
  });

  it("fails with the path if the manifest cannot be exported", async () => {
    const { code, stderr } = await tool([at("flags:1"), "analysis", "--export-manifest", "nowhere/manifest.json"]);
    assert.equal(code, 73);
    assert.match(stderr, /cannot write nowhere\/manifest\.json \(no such file or directory\)/);
  });
});

/**
 * Answers each HEAD request below `path` with 404, as if the registry did not have the blob. Records all requests below
 * `path` in `seen`.
 */
function hideFrom(request: IncomingMessage, response: ServerResponse, path: string, seen: string[]): boolean {
  if (!request.url?.startsWith(path)) return false;
  seen.push(`${request.method} ${request.url}`);
  if (request.method !== "HEAD") return false;
  response.writeHead(404).end();
  return true;
}

const distribution = findProgram("docker-registry");

describe("with distribution", { skip: distribution === undefined && "docker-registry is not installed" }, () => {
  let registry: ProcessRegistry;
  let elsewhere: ProcessRegistry;
  before(async () => {
    registry = await startDistribution(distribution as string, join(folder, "registry"));
    elsewhere = await startDistribution(distribution as string, join(folder, "elsewhere"));
  });
  after(() => Promise.all([registry.close(), elsewhere.close()]));

  it("pushes to several tags, repositories and registries, and mounts blobs within a registry", async () => {
    const places = [
      `${registry.address}/one:a`,
      `${registry.address}/two:a`,
      `${registry.address}/one:b`,
      `${elsewhere.address}/three:a`,
    ] as const;
    const more = places.slice(1).flatMap((place) => ["--to", place]);
    const { stderr, stdout } = await ok(tool([places[0], ...more, "analysis", "large"]));
    assert.equal(stderr.match(/^Mounted/gm)?.length, 2);
    assert.equal(stderr.match(/^Uploaded/gm)?.length, 4);
    assert.equal(new Set(stdout.match(/^Digest: .*$/gm)).size, 1);
    for (const [index, place] of places.entries()) {
      await ok(tool(["pull", place, "-o", `place-${index}`]));
      assert.equal(statSync(join(folder, `place-${index}`, "large", "noise")).size, LARGE);
    }
  });

  it("pulls every tag of a repository with pull --all", async () => {
    await ok(tool(["pull", "--all", `${registry.address}/one`, "-o", "all"]));
    assert.deepEqual(readdirSync(join(folder, "all")).sort(), ["a", "b"]);
    assert.equal(readFileSync(join(folder, "all", "b", "analysis", "result.txt"), "utf8"), "42\n");
  });
});
