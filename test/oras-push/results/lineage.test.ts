import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { ANNOTATIONS } from "oras-push/oci/annotations";
import type { Annotations } from "oras-push/oci/descriptor";
import { type Digest, shortDigest } from "oras-push/oci/digest";
import { openLayout } from "oras-push/oci/layout/layout";
import { buildManifest } from "oras-push/oci/manifest";
import { OCI_MANIFEST } from "oras-push/oci/media-types";
import { digestOf } from "oras-push/oci/meter";
import { type Lineage, type LineageNode, readLineage } from "oras-push/results/lineage";
import { formatLineage } from "oras-push/results/lineage-formats";
import { type MemoryRegistry, refuse } from "../../../support/registry/memory-registry.ts";
import { runTool } from "../../../support/tools.ts";
import { PLAIN_CONNECTION } from "../../support/plain-connection.ts";
import { runAnnotations, storeResult } from "../../support/results.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { memoryRegistry, NO_PROGRESS } from "../support.ts";

interface Input {
  readonly reference: string;
  readonly digest: Digest;
}

/** Stores a run with inputs. */
function put(
  registry: MemoryRegistry,
  repository: string,
  tag: string,
  minutes: number,
  inputs: readonly Input[] = [],
  annotations: Annotations = {},
): Input {
  const all = { ...runAnnotations(minutes), [ANNOTATIONS.inputs]: JSON.stringify(inputs), ...annotations };
  const { bytes } = buildManifest({ layers: [], annotations: all });
  const digest = storeResult(registry, repository, tag, { bytes, mediaType: OCI_MANIFEST });
  return { reference: `${registry.address}/${repository}:${tag}`, digest };
}

function lineageOf(registry: MemoryRegistry, repository: string, tag: string, more = {}, env = {}): Promise<Lineage> {
  const reference = { registry: registry.address, repository, tag, digest: undefined };
  const signal = new AbortController().signal;
  const context = {
    env: { DOCKER_CONFIG: "/none", ...env },
    signal,
    log: () => {},
    warn: () => {},
    progress: NO_PROGRESS,
  };
  return readLineage({ ...PLAIN_CONNECTION, concurrency: 4, reference, ...more }, context);
}

/** A workflow: `all` was made from `even` and `odd`, and both were made from `start`. */
function workflow(registry: MemoryRegistry) {
  const start = put(registry, "flow/start", "1", 0);
  const even = put(registry, "flow/even", "1", 10, [start]);
  const odd = put(registry, "flow/odd", "1", 20, [start], { [ANNOTATIONS.exitCode]: "1" });
  return { start, even, odd, all: put(registry, "flow/all", "1", 30, [even, odd]) };
}

function nodeOf(lineage: Lineage, { digest }: Input): LineageNode {
  const node = lineage.nodes.get(digest);
  assert.ok(node, `${digest} is not in the lineage`);
  return node;
}

describe("a lineage", () => {
  it("has the inputs of all levels, and each artifact once", async (t) => {
    const registry = await memoryRegistry(t);
    const { start, even, odd, all } = workflow(registry);
    const lineage = await lineageOf(registry, "flow/all", "1");
    assert.equal(lineage.root, all.digest);
    assert.deepEqual([...lineage.nodes.keys()], [all.digest, even.digest, odd.digest, start.digest]);
    assert.deepEqual(
      nodeOf(lineage, all).inputs.map(({ digest, tag }) => [digest, tag.kind]),
      [
        [even.digest, "same"],
        [odd.digest, "same"],
      ],
    );
    assert.equal(nodeOf(lineage, odd).run?.state, "failed");
    const text = formatLineage(lineage, "text");
    const a = registry.address;
    const short = (input: Input) => shortDigest(input.digest);
    assert.equal(
      text,
      [
        `${a}/flow/all:1  ${short(all)}  succeeded  2026-01-01T00:30:00Z`,
        `├── ${a}/flow/even:1  ${short(even)}  succeeded  2026-01-01T00:10:00Z`,
        `│   └── ${a}/flow/start:1  ${short(start)}  succeeded  2026-01-01T00:00:00Z`,
        `└── ${a}/flow/odd:1  ${short(odd)}  failed  2026-01-01T00:20:00Z`,
        `    └── ${a}/flow/start:1  ${short(start)}  succeeded  2026-01-01T00:00:00Z`,
        "",
      ].join("\n"),
    );
  });

  it("marks a tag that was moved or deleted, and an input that was deleted", async (t) => {
    const registry = await memoryRegistry(t);
    const { start, even, odd, all } = workflow(registry);
    const moved = put(registry, "flow/even", "1", 99);
    registry.manifests.delete("flow/start:1");
    registry.manifests.delete(`flow/odd@${odd.digest}`);
    const lineage = await lineageOf(registry, "flow/all", "1");
    assert.deepEqual(nodeOf(lineage, all).inputs[0]?.tag, { kind: "moved", digest: moved.digest });
    assert.deepEqual(nodeOf(lineage, even).inputs[0]?.tag, { kind: "gone" });
    assert.equal(nodeOf(lineage, odd).problem, "not found");
    assert.ok(lineage.nodes.has(start.digest));
    const text = formatLineage(lineage, "text");
    assert.match(text, new RegExp(`flow/even:1 .* \\[the tag now refers to ${shortDigest(moved.digest)}\\]\\n`));
    assert.match(text, /flow\/start:1 .* \[the tag was deleted\]\n/);
    assert.match(text, /flow\/odd:1 {2}[0-9a-f]{12} {2}\[not found\]\n/);
  });

  it("shows the inputs of an artifact that occurs twice only once", async (t) => {
    const registry = await memoryRegistry(t);
    const first = put(registry, "a", "first", 0);
    const second = put(registry, "a", "second", 1, [first]);
    put(registry, "a", "top", 2, [second, put(registry, "a", "third", 3, [second])]);
    const text = formatLineage(await lineageOf(registry, "a", "top"), "text");
    assert.equal(text.split("a:first").length, 2);
    assert.match(text, /a:second .* \(inputs: see above\)\n/);
  });

  it("reads a chain of 500 runs", async (t) => {
    const registry = await memoryRegistry(t);
    let last = put(registry, "chain", "0", 0);
    for (let index = 1; index < 500; index++) last = put(registry, "chain", String(index), index, [last]);
    const lineage = await lineageOf(registry, "chain", "499");
    assert.equal(lineage.nodes.size, 500);
    assert.equal(formatLineage(lineage, "text").split("\n").length, 501);
  });

  it("finds an input in the registry of the artifact, although its run used another address", async (t) => {
    const registry = await memoryRegistry(t);
    const input = put(registry, "flow/start", "1", 0);
    const inside = { ...input, reference: "registry.default.svc:5000/flow/start:1" };
    put(registry, "flow/all", "1", 1, [inside]);
    const lineage = await lineageOf(registry, "flow/all", "1");
    assert.equal(nodeOf(lineage, input).run?.state, "succeeded");
    assert.equal([...lineage.nodes.values()][0]?.inputs[0]?.tag.kind, "same");
  });

  it("sends no credentials of the command line to the registry that an annotation names", async (t) => {
    const [registry, other] = [await memoryRegistry(t), await memoryRegistry(t)];
    const input = put(other, "flow/start", "1", 0);
    put(registry, "flow/all", "1", 1, [input]);
    const answers = { one: 0, other: 0 };
    const basic = `Basic ${Buffer.from("me:secret").toString("base64")}`;
    registry.intercept((request, response) => {
      if (request.headers.authorization === basic) return false;
      answers.one++;
      response.setHeader("www-authenticate", "Basic realm=x");
      refuse(response, 401, "UNAUTHORIZED", "no");
      return true;
    });
    other.intercept((_, response) => {
      answers.other++;
      response.setHeader("www-authenticate", "Basic realm=x");
      refuse(response, 401, "UNAUTHORIZED", "no");
      return true;
    });
    for (const [more, env] of [
      [{ username: "me", password: "secret" }, {}],
      [{}, { ORAS_USER: "me", ORAS_PULL_PASS: "secret" }],
    ] as const) {
      const lineage = await lineageOf(registry, "flow/all", "1", more, env);
      assert.match(nodeOf(lineage, input).problem ?? "", /401/);
    }
    assert.ok(answers.one > 0 && answers.other > 0);
    assert.deepEqual(
      other.requests.filter(({ headers }) => headers.authorization !== undefined),
      [],
    );
  });

  it("shows an input with an invalid reference or a broken manifest, with the reason", async (t) => {
    const registry = await memoryRegistry(t);
    const bytes = Buffer.from("{");
    const broken = storeResult(registry, "b", "1", { bytes, mediaType: OCI_MANIFEST });
    const none = digestOf(Buffer.from("none"));
    const inputs = [
      { reference: `${registry.address}/b:1`, digest: broken },
      { reference: "\u001b[2J", digest: none },
    ];
    put(registry, "a", "1", 0, inputs);
    const text = formatLineage(await lineageOf(registry, "a", "1"), "text");
    assert.match(text, /b:1 .*\[it is not JSON\]\n/);
    assert.match(text, /\\u001b\[2J .*\[the reference of the input is invalid/);
  });

  it("fails if the artifact itself is missing or broken", async (t) => {
    const registry = await memoryRegistry(t);
    storeResult(registry, "b", "1", { bytes: Buffer.from("{"), mediaType: OCI_MANIFEST });
    await assert.rejects(lineageOf(registry, "b", "none"), { code: "registry", message: /no artifact .*b:none/ });
    await assert.rejects(lineageOf(registry, "b", "1"), { code: "registry", why: "it is not JSON" });
  });
});

describe("the formats of a lineage", () => {
  const hostile = '"]; x --> y<script>\\\n\u202e';

  async function formats(t: TestContext) {
    const registry = await memoryRegistry(t);
    const gone = { reference: `${registry.address}/a:${hostile}`, digest: digestOf(Buffer.from("x")) };
    const used = put(registry, "a", "1", 0);
    put(registry, "a", "1", 1);
    const top = put(registry, "a", "2", 2, [used, gone]);
    return { registry, gone, used, top, lineage: await lineageOf(registry, "a", "2") };
  }

  it("include JSON with one artifact per line", async (t) => {
    const { lineage, top, used, gone } = await formats(t);
    const objects = formatLineage(lineage, "json")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      objects.map(({ digest }) => digest),
      [top.digest, used.digest, gone.digest],
    );
    assert.equal(objects[0].inputs[0].tag, "moved");
    assert.match(objects[0].inputs[0].movedTo, /^sha256:/);
    assert.deepEqual(objects[0].inputs[1], { ...gone, tag: "unknown" });
    assert.match(objects[2].error, /invalid/);
  });

  it("include Mermaid and DOT, in which every text is escaped", async (t) => {
    const { lineage, registry } = await formats(t);
    const mermaid = formatLineage(lineage, "mermaid").split("\n");
    assert.equal(mermaid[0], "flowchart LR");
    assert.ok(mermaid[1]?.startsWith(`  a0["${registry.address}/a:2<br/>`), String(mermaid[1]));
    assert.match(mermaid[3] ?? "", /^ {2}a2\["[\w.:/@ #;<>-]*#34;#93;#59; x --#62; y#60;script#62;#92;[^"]*"\]$/);
    assert.match(mermaid[4] ?? "", /^ {2}a1 -\. "the tag now refers to [0-9a-f]{12}" \.-> a0$/);
    assert.equal(mermaid[5], "  a2 --> a0");
    assert.equal(mermaid.length, 7);
    const dot = formatLineage(lineage, "dot").split("\n");
    assert.equal(dot[0], "digraph lineage {");
    assert.match(
      dot[5] ?? "",
      /^ {2}a2 \[label="(?:[^"\\\n]|\\.)*\\"\]; x --> y<script>\\\\\\\\u000a\\\\u202e\\n(?:[^"\\\n]|\\.)*"\];$/,
    );
    assert.match(dot[6] ?? "", /^ {2}a1 -> a0 \[style=dashed, label="the tag now refers to [0-9a-f]{12}"\];$/);
    assert.deepEqual(dot.slice(-2), ["}", ""]);
  });
});

describe("oras-push lineage", () => {
  it("shows the lineage of a tag or a digest", async (t) => {
    const registry = await memoryRegistry(t);
    const { all } = workflow(registry);
    for (const reference of [all.reference, `${registry.address}/flow/all@${all.digest}`]) {
      const { code, stdout } = await runTool("oras-push", ["lineage", reference]);
      assert.equal(code, 0);
      assert.equal(stdout.split("\n").length, 6);
      assert.ok(stdout.startsWith(reference));
    }
  });

  it("shows the lineage in an OCI layout", async (t) => {
    const folder = temporaryFolder(t);
    const layout = await openLayout(folder, "pull,push", new AbortController().signal);
    const input = buildManifest({ layers: [], annotations: runAnnotations(1) });
    const inputs = [{ reference: "localhost:1/a/b:1", digest: input.descriptor.digest }];
    const top = buildManifest({ layers: [], annotations: { [ANNOTATIONS.inputs]: JSON.stringify(inputs) } });
    await layout.pushManifest(input, "input");
    await layout.pushManifest(top, "top");
    const { code, stdout } = await runTool("oras-push", ["lineage", "--oci-layout", `${folder}:top`]);
    assert.equal(code, 0);
    const [digest, from] = [shortDigest(top.descriptor.digest), shortDigest(input.descriptor.digest)];
    assert.equal(
      stdout,
      `${folder}:top  ${digest}  succeeded  -\n└── localhost:1/a/b:1  ${from}  succeeded  2026-01-01T00:01:00Z\n`,
    );
  });

  it("needs one reference with a tag or a digest", async () => {
    assert.equal((await runTool("oras-push", ["lineage"])).code, 64);
    const { code, stderr } = await runTool("oras-push", ["lineage", "localhost:5000/a"]);
    assert.equal(code, 64);
    assert.match(stderr, /has neither a tag nor a digest/);
  });
});
