import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ANNOTATIONS } from "oras-push/oci/annotations";
import { type Annotations, EMPTY_CONTENT, EMPTY_DESCRIPTOR } from "oras-push/oci/descriptor";
import { type Digest, shortDigest } from "oras-push/oci/digest";
import { openLayout } from "oras-push/oci/layout/layout";
import { buildManifest } from "oras-push/oci/manifest";
import { OCI_INDEX, OCI_MANIFEST } from "oras-push/oci/media-types";
import { Repository } from "oras-push/oci/repository";
import { prunePlan } from "oras-push/options/prune";
import { PRUNE_USAGE } from "oras-push/options/prune-usage";
import { parseCommandLine } from "shared/cli/command-line";
import { findProgram } from "../../../support/debian.ts";
import { type MemoryRegistry, refuse } from "../../../support/registry/memory-registry.ts";
import { startDistribution } from "../../../support/registry/process-registry.ts";
import { runTool } from "../../../support/tools.ts";
import { runAnnotations, storeResult } from "../../support/results.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { connect, memoryRegistry } from "../support.ts";

function put(
  registry: MemoryRegistry,
  name: string,
  minutes: number,
  exitCode = 0,
  annotations: Annotations = {},
): Digest {
  const [repository = "", tag = ""] = name.split(":");
  const { bytes } = buildManifest({
    layers: [],
    annotations: { ...runAnnotations(minutes, exitCode), ...annotations },
  });
  return storeResult(registry, repository, tag, { bytes, mediaType: OCI_MANIFEST });
}

const madeFrom = (...digests: Digest[]): Annotations => ({
  [ANNOTATIONS.inputs]: JSON.stringify(digests.map((digest) => ({ reference: "r.io/x:1", digest }))),
});

const tagsIn = (registry: MemoryRegistry) => [...registry.manifests.keys()].filter((key) => !key.includes("@")).sort();

describe("oras-push prune", () => {
  it("shows what it would delete, and deletes it with --yes", async (t) => {
    const registry = await memoryRegistry(t);
    const [a, b] = [put(registry, "flow/a:1", 0, 1), put(registry, "flow/a:2", 1, 1)];
    put(registry, "flow/a:3", 2);
    put(registry, "flow/b:1", 3, 0, madeFrom(b));
    const before = tagsIn(registry);
    const args = ["prune", "--state", "failed", `${registry.address}/flow/a`];
    const shown = await runTool("oras-push", args);
    assert.equal(shown.code, 0, shown.stderr);
    const name = `${registry.address}/flow`;
    assert.equal(
      shown.stdout,
      [
        `would delete  ${name}/a:1  ${shortDigest(a)}  failed`,
        `kept          ${name}/a:2  ${shortDigest(b)}  ${name}/b:1 was made from it`,
        "would delete 1 artifact; kept 1 that other artifacts need; to delete them, add --yes",
        "",
      ].join("\n"),
    );
    assert.deepEqual(tagsIn(registry), before);
    const done = await runTool("oras-push", [...args, "--yes", "--format", "json"]);
    assert.equal(done.code, 0, done.stderr);
    assert.deepEqual(
      done.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
      [
        {
          action: "deleted",
          reference: `${name}/a:1`,
          repository: `${name}/a`,
          digest: a,
          tags: ["1"],
          state: "failed",
          size: 2,
          why: "failed",
        },
        {
          action: "kept",
          reference: `${name}/a:2`,
          repository: `${name}/a`,
          digest: b,
          tags: ["2"],
          state: "failed",
          size: 2,
          why: `${name}/b:1 was made from it`,
        },
      ],
    );
    assert.deepEqual(tagsIn(registry), ["flow/a:2", "flow/a:3", "flow/b:1"]);
  });

  it("keeps an artifact that an index below another index lists", async (t) => {
    const registry = await memoryRegistry(t);
    const listed = put(registry, "a:1", 0, 1);
    const index = (digest: Digest, mediaType: string) => ({
      bytes: Buffer.from(
        JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [{ digest, mediaType, size: 1 }] }),
      ),
      mediaType: OCI_INDEX,
    });
    const inner = storeResult(registry, "a", undefined, index(listed, OCI_MANIFEST));
    storeResult(registry, "a", "outer", index(inner, OCI_INDEX));
    const { stdout } = await runTool("oras-push", ["prune", "--yes", "--state", "failed", `${registry.address}/a`]);
    assert.match(stdout, new RegExp(`kept .*${registry.address}/a@${inner} lists it\n`));
    assert.deepEqual(tagsIn(registry), ["a:1", "a:outer"]);
  });

  it("keeps the inputs of an artifact that the registry refuses to delete, and deletes the rest", async (t) => {
    const registry = await memoryRegistry(t);
    const input = put(registry, "a:input", 0);
    const locked = put(registry, "a:locked", 1, 0, madeFrom(input));
    put(registry, "a:free", 2);
    registry.intercept(({ method, url }, response) => {
      if (method !== "DELETE" || !url?.endsWith(locked)) return false;
      refuse(response, 403, "DENIED", "the tag is immutable");
      return true;
    });
    const { code, stdout, stderr } = await runTool("oras-push", [
      "prune",
      "--yes",
      "--keep",
      "0",
      `${registry.address}/a`,
    ]);
    assert.equal(code, 76);
    assert.match(stdout, /not deleted {3}.*a:locked .*403.*the tag is immutable/);
    assert.match(stdout, /not deleted {3}.*a:input .*kept, because .*a:locked could not be deleted/);
    assert.match(stdout, /\ndeleted 1 of 3 artifacts\n$/);
    assert.match(stderr, /2 artifacts could not be deleted/);
    assert.deepEqual(tagsIn(registry), ["a:input", "a:locked"]);
  });

  it("says how many artifacts it ignored because of their states, if it selects none", async (t) => {
    const registry = await memoryRegistry(t);
    put(registry, "a:1", 0);
    put(registry, "a:2", 1);
    put(registry, "a:3", 2, 1);
    const { stdout } = await runTool("oras-push", ["prune", "--state", "checkpoint", `${registry.address}/a`]);
    const ignored = "2 with the state succeeded, 1 with the state failed";
    assert.equal(stdout, `would delete 0 artifacts; ignored ${ignored}; see --state\n`);
  });

  it("refuses a folder that is not an OCI layout, without a hint about users", async (t) => {
    const folder = temporaryFolder(t);
    const { code, stderr } = await runTool("oras-push", ["prune", "--keep", "1", "--oci-layout", folder]);
    assert.equal(code, 66);
    assert.match(stderr, /is not an OCI layout \(it has no oci-layout file\)\n$/);
  });

  it("deletes nothing if a manifest cannot be fetched, because the manifest could name an input", async (t) => {
    const registry = await memoryRegistry(t);
    const input = put(registry, "a:1", 0);
    put(registry, "b:1", 1, 0, madeFrom(input));
    registry.intercept(({ url }, response) => {
      if (url !== "/v2/b/manifests/1") return false;
      refuse(response, 403, "DENIED", "not for you");
      return true;
    });
    const args = ["prune", "--yes", "--keep", "0", `${registry.address}/a`];
    const { code, stderr } = await runTool("oras-push", args);
    assert.equal(code, 77);
    assert.match(stderr, /cannot prune, because some manifests or lists of tags cannot be read \(.*\/b:1: .*403/);
    assert.deepEqual(tagsIn(registry), ["a:1", "b:1"]);
    assert.equal((await runTool("oras-push", [...args, "--ignore-lineage"])).code, 0);
    assert.deepEqual(tagsIn(registry), ["b:1"]);
  });

  it("names and keeps a broken manifest, and prunes the rest", async (t) => {
    const registry = await memoryRegistry(t);
    put(registry, "a:1", 0);
    storeResult(registry, "a", "broken", { bytes: Buffer.from("{"), mediaType: OCI_MANIFEST });
    const args = ["prune", "--yes", "--keep", "0", `${registry.address}/a`];
    const { code, stderr } = await runTool("oras-push", args);
    assert.equal(code, 0);
    assert.match(stderr, /kept: cannot read .*a:broken \(it is not JSON\)/);
    assert.deepEqual(tagsIn(registry), ["a:broken"]);
  });

  it("needs --users or --ignore-lineage if the registry does not list its repositories", async (t) => {
    const registry = await memoryRegistry(t);
    const input = put(registry, "a:1", 0);
    put(registry, "a:2", 1);
    put(registry, "b:1", 1, 0, madeFrom(input));
    registry.intercept(({ url }, response) => {
      if (!url?.startsWith("/v2/_catalog")) return false;
      refuse(response, 404, "NOT_FOUND", "no such endpoint");
      return true;
    });
    const args = ["prune", "--yes", "--keep", "0", `${registry.address}/a`];
    const { code, stderr } = await runTool("oras-push", args);
    assert.equal(code, 76);
    assert.match(stderr, /hint: name the repositories of these artifacts with --users, or use --ignore-lineage/);
    assert.deepEqual(tagsIn(registry), ["a:1", "a:2", "b:1"]);
    const named = await runTool("oras-push", [...args, "--users", `${registry.address}/b`]);
    assert.equal(named.code, 0, named.stderr);
    assert.deepEqual(tagsIn(registry), ["a:1", "b:1"]);
  });

  it("uses the password for pushes to read and to delete", async (t) => {
    const registry = await memoryRegistry(t);
    put(registry, "a:1", 0);
    const basic = `Basic ${Buffer.from("me:secret").toString("base64")}`;
    registry.intercept((request, response) => {
      if (request.headers.authorization === basic) return false;
      response.setHeader("www-authenticate", "Basic realm=x");
      refuse(response, 401, "UNAUTHORIZED", "no");
      return true;
    });
    const env = { ...process.env, ORAS_USER: "me", ORAS_PUSH_PASS: "secret" };
    const { code, stderr } = await runTool("oras-push", ["prune", "--yes", "--keep", "0", `${registry.address}/a`], {
      env,
    });
    assert.equal(code, 0, stderr);
    assert.deepEqual(tagsIn(registry), []);
  });

  it("names a registry that deletes nothing", { skip: !findProgram("docker-registry") }, async (t) => {
    const environment = { REGISTRY_STORAGE_DELETE_ENABLED: "false" };
    const program = findProgram("docker-registry") as string;
    const registry = await startDistribution(program, join(temporaryFolder(t), "registry"), environment);
    t.after(() => registry.close());
    const store = new Repository(connect(t, registry.address), "a", "pull,push");
    await store.pushBlob(EMPTY_CONTENT, EMPTY_DESCRIPTOR.digest);
    await store.pushManifest(buildManifest({ layers: [], annotations: runAnnotations(0, 1) }), "1");
    const args = ["prune", "--yes", "--state", "failed", `${registry.address}/a`];
    const { code, stderr } = await runTool("oras-push", args);
    assert.equal(code, 76);
    assert.match(stderr, new RegExp(`the registry ${registry.address} does not delete manifests`));
    assert.match(stderr, /hint: allow deletion in the settings of the registry/);
  });

  it("prunes an OCI layout", async (t) => {
    const folder = temporaryFolder(t);
    const layout = await openLayout(folder, "pull,push", new AbortController().signal);
    for (const exitCode of [0, 1])
      await layout.pushManifest(
        buildManifest({ layers: [], annotations: runAnnotations(0, exitCode) }),
        `t${exitCode}`,
      );
    const { code, stdout } = await runTool("oras-push", [
      "prune",
      "--oci-layout",
      "--yes",
      "--state",
      "failed",
      folder,
    ]);
    assert.equal(code, 0);
    assert.match(stdout, /^deleted .*:t1 .*\ndeleted 1 of 1 artifact\n$/);
    assert.deepEqual(await layout.listTags(), ["t0"]);
  });
});

describe("the options of oras-push prune", () => {
  const plan = async (line: string) =>
    prunePlan(await parseCommandLine(PRUNE_USAGE, line.split(" ").filter(Boolean), {}), {}, 5);

  it("have rules, repositories, and all repositories of the registry as users", async () => {
    const { policy, targets, users, confirmed, now } = await plan("--keep 3 --older-than 30d --yes r.io/a r.io/b/");
    assert.deepEqual(policy, {
      states: new Set(["succeeded", "failed", "incomplete", "checkpoint"]),
      keep: 3,
      olderThan: 30 * 86_400_000,
      ignoreLineage: false,
      ignoreReferrers: false,
    });
    assert.deepEqual(targets, [
      { registry: "r.io", repository: "a", tag: undefined, digest: undefined },
      { registry: "r.io", prefix: "b/" },
    ]);
    assert.deepEqual(users, [
      { registry: "r.io", prefix: "" },
      { registry: "r.io", prefix: "" },
    ]);
    assert.deepEqual([confirmed, now], [true, 5]);
    assert.deepEqual((await plan("--keep 0 --users r.io/c r.io/a")).users, [
      { registry: "r.io", repository: "c", tag: undefined, digest: undefined },
    ]);
    assert.deepEqual([...(await plan("--state other r.io/a")).policy.states], ["other"]);
  });

  it("cannot delete because of an environment variable", async () => {
    const env = { ORAS_YES: "true", ORAS_IGNORE_LINEAGE: "true", ORAS_KEEP: "1" };
    const { confirmed, policy } = prunePlan(await parseCommandLine(PRUNE_USAGE, ["r.io/a"], env), env, 5);
    assert.deepEqual([confirmed, policy.ignoreLineage, policy.keep], [false, false, 1]);
  });

  for (const [line, message] of [
    ["--keep 1", /no repository to prune/],
    ["r.io/a", /no rule: expected --state, --older-than or --keep/],
    [
      "--older-than month r.io/a",
      /--older-than must be a number and a unit \(s, m, h, d or w\), such as 30d, not "month"/,
    ],
    ["--keep -1 r.io/a", /--keep/],
    ["--state done r.io/a", /--state must be/],
  ] as const)
    it(`are refused: "${line}"`, async () => {
      await assert.rejects(plan(line), { code: "usage", message });
    });
});
