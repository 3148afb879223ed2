/** What people with many runs need: several places at once, tags of their own, nothing overwritten, all of it back. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { findProgram } from "../../support/debian.ts";
import { type MemoryRegistry, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { type ProcessRegistry, startDistribution } from "../../support/registry/process-registry.ts";
import { type Ended, runTool } from "../../support/tools.ts";
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

async function ok(running: Promise<Ended>): Promise<Ended> {
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

    it("pushes to a tag that is free, and is content with one that has the same", async () => {
      const first = await ok(push("same"));
      const before = registry.requests.length;
      const later = await ok(push("same", "--format", "json"));
      assert.equal(JSON.parse(later.stdout).digest, /Digest: (\S+)/.exec(first.stdout)?.[1]);
      assert.ok(registry.requests.slice(before).every(({ method }) => method === "GET"));
    });

    it("refuses a tag that names other content before anything is sent, and says what is there", async () => {
      await ok(push("taken"));
      const before = registry.requests.length;
      const refused = await push("taken", "--exclude", "*.log");
      assert.equal(refused.code, 73);
      assert.match(
        refused.stderr,
        /keep:taken names other content already \(sha256:\S+, made \S+, analysis \S+ of \d+ bytes\)/,
      );
      assert.ok(registry.requests.slice(before).every(({ method }) => method === "GET"));
    });

    it("refuses other annotations and another artifact type", async () => {
      await ok(push("annotated", "-a", "a=1"));
      assert.equal((await push("annotated", "-a", "a=2")).code, 73);
      assert.equal((await push("annotated", "-a", "a=1", "--artifact-type", "x/y")).code, 73);
      assert.equal((await push("annotated", "-a", "a=1")).code, 0);
    });

    it("looks again before the tag is written", async () => {
      await ok(tool([at("keep:other"), "large"]));
      let looks = 0;
      registry.intercept((request, response) => {
        if (request.method !== "GET" || !request.url?.endsWith("/manifests/late") || looks++ > 0) return false;
        // Free at the first look; another pushes it while the blobs are sent.
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

    it("without it a tag is overwritten", async () => {
      await ok(tool([at("keep:old"), "large"]));
      await ok(tool([at("keep:old"), "analysis"]));
      const manifest = registry.manifests.get("keep:old");
      assert.match(String(manifest?.bytes), /"analysis"/);
    });
  });

  it("{NAME} in a reference is the environment's, and one that is not set is named", async () => {
    const env = { JOB_COMPLETION_INDEX: "7", POD_NAME: "lammps-7-x2v" };
    await ok(tool([at("job/{POD_NAME}:{JOB_COMPLETION_INDEX}"), "analysis"], env));
    assert.ok(registry.manifests.has("job/lammps-7-x2v:7"));
    await ok(tool(["pull", at("job/{POD_NAME}:{JOB_COMPLETION_INDEX}"), "-o", "by-name"], env));
    for (const unset of [{}, { NODE: "" }]) {
      const { code, stderr } = await tool([at("job:{NODE}"), "analysis"], unset);
      assert.equal(code, 64);
      assert.match(stderr, /job:\{NODE\} needs NODE, which is not set/);
    }
    assert.equal((await tool([at("job:{BAD}"), "analysis"], { BAD: "a b" })).code, 64);
  });

  it("a registry that opens an upload instead of a mount gets the blob, once, and the upload is given up", async () => {
    const seen: string[] = [];
    registry.intercept((request, response) => hideFrom(request, response, "/v2/second/", seen));
    await ok(tool([at("first:1"), "--to", at("second:1"), "large"]));
    assert.equal(seen.filter((entry) => entry.startsWith("POST") && entry.includes("mount=")).length, 2 - 1);
    assert.equal(seen.filter((entry) => entry.startsWith("DELETE")).length, 1);
    assert.equal(seen.filter((entry) => entry.startsWith("PUT") && entry.includes("/blobs/")).length, 1 + 1);
    assert.deepEqual(registry.manifests.get("first:1"), registry.manifests.get("second:1"));
  });

  it("a folder that changes before it goes to the second place ends the push, and no tag is written", async () => {
    const changing = join(folder, "changing");
    mkdirSync(changing);
    writeFileSync(join(changing, "file"), "before");
    registry.intercept((request, response) => {
      writeFileSync(join(changing, "file"), request.url?.startsWith("/v2/after/") ? "after!" : "before");
      return hideFrom(request, response, "/v2/after/", []);
    });
    const { code, stderr } = await tool([at("before:1"), "--to", at("after:1"), "changing"]);
    assert.equal(code, 66, stderr);
    assert.match(stderr, /changing changed while it was pushed/);
    assert.equal(registry.manifests.has("before:1"), false);
  });

  it("several tags of one repository get each blob once", async () => {
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

  it("no tag is written anywhere when one of the places cannot be reached", async () => {
    const args = [at("whole:1"), "--to", "127.0.0.1:1/whole:1", "analysis", "--retry-for", "0"];
    assert.equal((await tool(args)).code, 69);
    assert.equal(registry.manifests.has("whole:1"), false);
  });

  it("one place that is named twice is a usage error", async () => {
    const { code, stderr } = await tool([at("twice:1"), "--to", at("twice:1"), "analysis"]);
    assert.equal(code, 64);
    assert.match(stderr, /twice:1 is named twice/);
  });

  it("pull --all follows the list of tags over its pages", async () => {
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

  it("pull --all refuses a list without an end, a tag that leads out of the folder, and no tags at all", async () => {
    const answer = (tags: string[], headers: Record<string, string> = {}) =>
      registry.intercept((request, response) => {
        if (!request.url?.startsWith("/v2/odd/tags/list")) return false;
        response.writeHead(200, headers).end(JSON.stringify({ name: "odd", tags }));
        return true;
      });
    const pull = () => tool(["pull", "--all", at("odd"), "-o", "odd"]);
    answer(["a"], { link: '</v2/odd/tags/list?last=a>; rel="next"' });
    assert.match((await pull()).stderr, /lists tags without an end/);
    answer(["../out"]);
    const out = await pull();
    assert.equal(out.code, 76);
    assert.match(out.stderr, /has a tag that is none: "\.\.\/out"/);
    registry.intercept(undefined);
    const none = await pull();
    assert.equal(none.code, 76);
    assert.match(none.stderr, /there is no artifact in \S+\/odd \(it has no tags\)/);
    assert.equal((await tool(["pull", "--all", at("odd:1")])).code, 64);
  });

  it("pull --all leaves a tag that is no artifact, brings the others, and names both", async () => {
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
          `the artifact ${at("mixed:3-index")} cannot be pulled (it is of type "application/vnd.oci.image.index.v1+json", not an image manifest)`,
          76,
        ],
        [at("mixed:4-html"), `the artifact ${at("mixed:4-html")} cannot be pulled (it is not JSON)`, 76],
      ],
    );
    assert.match(stderr, /^oras-push: left \S+\/mixed:3-index: .* not an image manifest\)$/m);
    assert.match(
      stderr,
      /^oras-push: \S+\/mixed:2-failed is pulled too: it is the output of a run that failed with exit code 3$/m,
    );
    assert.match(stderr, /\noras-push: 2 of 5 tags could not be pulled \(\S+:3-index, \S+:4-html\)\n$/);
  });

  it("pull --all goes on where a file is in the way of one tag, and stops where the registry refuses us", async () => {
    for (const tag of ["a", "b"]) await ok(tool([at(`partly:${tag}`), "analysis"]));
    mkdirSync(join(folder, "partly", "a"), { recursive: true });
    writeFileSync(join(folder, "partly", "a", "analysis"), "in the way");
    const inTheWay = await tool(["pull", "--all", at("partly"), "-o", "partly"]);
    assert.equal(inTheWay.code, 73, inTheWay.stderr);
    assert.match(inTheWay.stdout, /^Pulled \[registry\] \S+\/partly:b\nDigest: \S+\n$/);
    registry.intercept((request, response) => {
      if (!request.url?.includes("/manifests/")) return false;
      response.writeHead(403).end();
      return true;
    });
    const before = registry.requests.length;
    assert.equal((await tool(["pull", "--all", at("partly"), "-o", "partly"])).code, 77);
    assert.equal(registry.requests.length - before, 2);
  });

  it("--include and --exclude choose what of a folder is pushed", async () => {
    await ok(tool([at("chosen:1"), "analysis", "--include", "*.log"]));
    await ok(tool(["pull", at("chosen:1"), "-o", "chosen"]));
    assert.deepEqual(readdirSync(join(folder, "chosen"), { recursive: true }).sort(), [
      "analysis",
      "analysis/logs",
      "analysis/logs/run.log",
    ]);
  });

  it("--compression none stores a folder in a gzip frame, and has no level", async () => {
    const pushed = await ok(tool([at("stored:1"), "large", "--compression", "none", "--format", "json"]));
    const [layer] = JSON.parse(pushed.stdout).layers;
    assert.ok(layer.size > LARGE);
    assert.equal(gunzipSync(registry.blobs.get(layer.digest) as Buffer).length, Math.ceil(LARGE / 512) * 512 + 2048);
    const { code, stderr } = await tool([at("stored:1"), "large", "--compression", "none", "--compression-level", "3"]);
    assert.equal(code, 64);
    assert.match(stderr, /--compression-level goes with --compression gzip/);
    assert.equal((await tool([at("stored:1"), "large", "--compression", "zstd"])).code, 64);
  });

  it("--annotation-file annotates manifest, config and layers, as for oras", async () => {
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
    assert.match(stderr, /--annotation-file names "gone", which is not pushed/);
    const bytes = readFileSync(join(folder, "manifest.json"));
    assert.deepEqual(bytes, registry.manifests.get("noted:1")?.bytes);
    const { annotations, config, layers } = JSON.parse(String(bytes));
    assert.equal(annotations.a, "file");
    assert.equal(annotations.b, "option");
    assert.deepEqual(config.annotations, { c: "config" });
    assert.equal(layers[0].annotations.d, "layer");
  });

  it("an annotation file that is none, or that would take a layer its name, is a usage error", async () => {
    for (const [content, why] of [
      ["{", "it is not JSON"],
      ["[]", "it is not a JSON object"],
      ['{"$manifest":{"a":1}}', '"\\$manifest" is not an object of text values'],
      ['{"analysis":{"org.opencontainers.image.title":"x"}}', "is what clients restore the layer by"],
    ] as const) {
      writeFileSync(join(folder, "wrong.json"), content);
      const { code, stderr } = await tool([at("noted:2"), "analysis", "--annotation-file", "wrong.json"]);
      assert.equal(code, 64, content);
      assert.match(stderr, new RegExp(why));
    }
    assert.equal((await tool([at("noted:2"), "analysis", "--annotation-file", "missing.json"])).code, 66);
  });

  it("--disable-path-validation and --no-tty are taken as for oras", async () => {
    await ok(tool([at("flags:1"), join(folder, "analysis"), "--disable-path-validation", "--no-tty"]));
  });

  it("a manifest that cannot be exported is a failure by name", async () => {
    const { code, stderr } = await tool([at("flags:1"), "analysis", "--export-manifest", "nowhere/manifest.json"]);
    assert.equal(code, 73);
    assert.match(stderr, /cannot write nowhere\/manifest\.json \(no such file or directory\)/);
  });
});

/** Answers for a repository as if it had none of the blobs that were not sent to it; notes what it is asked. */
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

  it("one push reaches several tags, repositories and registries; blobs are mounted where that can be", async () => {
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

  it("pull --all brings every tag of a repository", async () => {
    await ok(tool(["pull", "--all", `${registry.address}/one`, "-o", "all"]));
    assert.deepEqual(readdirSync(join(folder, "all")).sort(), ["a", "b"]);
    assert.equal(readFileSync(join(folder, "all", "b", "analysis", "result.txt"), "utf8"), "42\n");
  });
});
