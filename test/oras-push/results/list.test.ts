import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ANNOTATIONS } from "oras-push/oci/annotations";
import { buildManifest } from "oras-push/oci/manifest";
import { durationText, sizeText, visibleText } from "oras-push/results/cells";
import { type ListedRun, selectRuns } from "oras-push/results/listing";
import type { RunQuery } from "oras-push/results/query";
import { readRun } from "oras-push/results/run";
import { formatRuns } from "oras-push/results/table";
import { runTool } from "../../../support/tools.ts";
import { FIRST_START, fillRegistry, runAnnotations, storeResult } from "../../support/results.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { memoryRegistry } from "../support.ts";

const ALL: RunQuery = { states: undefined, since: undefined, sort: "start", reverse: false };

function run(tag: string, minutes: number, more: Partial<ListedRun> = {}, annotations = {}): ListedRun {
  const manifest = buildManifest({ layers: [], annotations: { ...runAnnotations(minutes), ...annotations } });
  return { repository: "localhost:5000/run", tag, ...readRun(manifest), ...more };
}

const tagsOf = (runs: readonly ListedRun[]) => runs.map(({ tag }) => tag);

describe("a list of runs", () => {
  const runs = [
    run("t-10", 3, { size: 1 }),
    run("t-2", 3, { size: 1 }),
    run("first", 1, { state: "failed", size: 5 }),
    run("unknown", 2, { started: undefined, created: undefined, finished: undefined, size: undefined }),
    run("last", 9, { state: "incomplete", size: 3 }),
  ];

  it("is sorted by start, and then by name with numbers as numbers", () => {
    assert.deepEqual(tagsOf(selectRuns(runs, ALL)), ["unknown", "first", "t-2", "t-10", "last"]);
  });

  it("is sorted by another value, or in reverse", () => {
    assert.deepEqual(tagsOf(selectRuns(runs, { ...ALL, sort: "size" })), ["unknown", "t-2", "t-10", "last", "first"]);
    assert.deepEqual(tagsOf(selectRuns(runs, { ...ALL, sort: "tag" })), ["first", "last", "t-2", "t-10", "unknown"]);
    assert.equal(tagsOf(selectRuns(runs, { ...ALL, reverse: true }))[0], "last");
  });

  it("is filtered by state and start", () => {
    const states = new Set(["failed", "incomplete"] as const);
    assert.deepEqual(tagsOf(selectRuns(runs, { ...ALL, states })), ["first", "last"]);
    const since = FIRST_START + 3 * 60_000;
    assert.deepEqual(tagsOf(selectRuns(runs, { ...ALL, since })), ["t-2", "t-10", "last"]);
  });
});

describe("a table of runs", () => {
  it("has aligned columns", () => {
    const lines = formatRuns(
      [run("iter-0", 0), run("iter-10", 90, { exitCode: 143, size: 5 << 20 })],
      "text",
      false,
    ).split("\n");
    assert.deepEqual(
      lines.map((line) => line.replace(/[0-9a-f]{12}$/, "DIGEST")),
      [
        "TAG      STATE      EXIT  STARTED               DURATION     SIZE  POD     NODE    DIGEST",
        "iter-0   succeeded     0  2026-01-01T00:00:00Z        1m      2 B  pod-0   node-0  DIGEST",
        "iter-10  succeeded   143  2026-01-01T01:30:00Z        1m  5.0 MiB  pod-90  node-0  DIGEST",
        "",
      ],
    );
  });

  it("shows the repositories if there may be several", () => {
    const lines = formatRuns([run("a", 0), run("a", 0, { repository: "localhost:5000/other" })], "text", true).split(
      "\n",
    );
    assert.match(lines[0] as string, /^REPOSITORY +TAG/);
    assert.match(lines[2] as string, /^localhost:5000\/other +a /);
  });

  it("shows control characters and marks of direction as escapes, and cuts long values", () => {
    const text = formatRuns([run("a", 0, { pod: "\u001b[2J\u202e\u009bx", node: "n".repeat(1000) })], "text", false);
    assert.ok(text.includes("\\u001b[2J\\u202e\\u009bx"));
    assert.ok(text.includes(` ${"n".repeat(59)}… `));
  });

  it("is also JSON, one object per line, without unknown values", () => {
    const [line = ""] = formatRuns([run("a", 0, { pod: undefined, exitCode: 3 })], "json", false).split("\n");
    const { digest, ...object } = JSON.parse(line);
    assert.match(digest, /^sha256:/);
    assert.deepEqual(object, {
      reference: "localhost:5000/run:a",
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      artifactType: "application/vnd.unknown.artifact.v1",
      state: "succeeded",
      exitCode: 3,
      attempt: "attempt-0",
      started: "2026-01-01T00:00:00.000Z",
      finished: "2026-01-01T00:01:00.000Z",
      created: "2026-01-01T00:01:00.000Z",
      seconds: 60,
      size: 2,
      namespace: "default",
      node: "node-0",
    });
  });

  it("is also CSV, with quotes where a value needs them", () => {
    const text = formatRuns([run("a", 0, { reason: 'he said "no", twice\n', exitCode: undefined })], "csv", true);
    const [header, row] = text.split("\r\n");
    assert.equal(
      header,
      "repository,tag,state,exit-code,signal,reason,started,finished,seconds,size,namespace,pod,node,digest",
    );
    assert.match(
      row as string,
      /^localhost:5000\/run,a,succeeded,,,"he said ""no"", twice\n",2026-01-01T00:00:00.000Z,2026-01-01T00:01:00.000Z,60,2,default,pod-0,node-0,sha256:[0-9a-f]{64}$/,
    );
  });
});

describe("values in a table", () => {
  it("have units", () => {
    assert.deepEqual([0, 999, 1000, 1 << 20, 150 << 20, 1.5 * 2 ** 40].map(sizeText), [
      "0 B",
      "999 B",
      "1.0 KiB",
      "1.0 MiB",
      "150 MiB",
      "1.5 TiB",
    ]);
    assert.deepEqual([0, 340, 59_600, 61_000, 3_600_000, 90_061_000].map(durationText), [
      "0.0s",
      "0.3s",
      "1m",
      "1m 1s",
      "1h",
      "1d 1h",
    ]);
    assert.deepEqual([sizeText(undefined), durationText(undefined)], ["-", "-"]);
  });

  it("keep visible characters of any language", () => {
    assert.equal(visibleText("größe 大小 😀"), "größe 大小 😀");
    assert.equal(visibleText("\ud800"), "\ufffd");
  });
});

describe("oras-push list", () => {
  it("lists a repository, and warns if it has no tags", async (t) => {
    const registry = await memoryRegistry(t);
    fillRegistry(registry, 1, 2);
    const { code, stdout } = await runTool("oras-push", ["list", `${registry.address}/group-0/repository-0`]);
    assert.equal(code, 0);
    assert.match(stdout, /^TAG +STATE .*\nrun-0 +succeeded +0 .*\nrun-1 +failed +3 .*\n$/);
    for (const names of [["/group-0/"], [""], ["/group-0/repository-0", "/group-0/none"]]) {
      const several = await runTool("oras-push", ["list", ...names.map((name) => `${registry.address}${name}`)]);
      assert.match(several.stdout, /^REPOSITORY +TAG /, `also if only one repository of ${names} has runs`);
    }
    const none = await runTool("oras-push", ["list", `${registry.address}/group-0`]);
    assert.equal(none.code, 0);
    for (const command of ["list", "report", "prune --keep 1"]) {
      const args = [...command.split(" "), `${registry.address}/group-0/repository-0`, `${registry.address}/no/such`];
      const { code, stderr } = await runTool("oras-push", args, { cwd: temporaryFolder(t) });
      assert.equal(code, 0);
      assert.match(stderr, /^[^\n]*found no artifacts in [^\n]*\/no\/such: the repository does not exist[^\n]*\n$/);
    }
    const prefix = await runTool("oras-push", ["list", `${registry.address}/none/`]);
    assert.match(prefix.stderr, /found no artifacts in .*\/none\/\n$/);
    assert.match(
      none.stderr,
      /found no artifacts in .*\/group-0: the repository does not exist or has no tags; .* add a slash\n/,
    );
  });

  it("names a repository that cannot be read, and lists the others", async (t) => {
    const registry = await memoryRegistry(t);
    fillRegistry(registry, 3, 1);
    registry.intercept((request, response) => {
      if (!request.url?.startsWith("/v2/group-1/repository-1/")) return false;
      response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"not for you"}]}');
      return true;
    });
    const { code, stdout, stderr } = await runTool("oras-push", ["list", `${registry.address}/`]);
    assert.equal(code, 77);
    assert.match(stdout, /group-0\/repository-0 .*\n.*group-2\/repository-2 .*\n$/);
    assert.match(stderr, new RegExp(`${registry.address}/group-1/repository-1: the registry returned 403`));
    assert.match(stderr, /1 artifact or repository could not be read/);
  });

  it("writes a long list to a pipe whole", async (t) => {
    const registry = await memoryRegistry(t);
    const bytes = Buffer.from(
      JSON.stringify({ layers: [], annotations: { ...runAnnotations(0), [ANNOTATIONS.reason]: "r".repeat(900) } }),
    );
    for (let index = 0; index < 500; index++)
      storeResult(registry, "run", `t${index}`, { bytes, mediaType: "application/vnd.oci.image.manifest.v1+json" });
    const args = ["list", "--format", "json", `${registry.address}/run`];
    const { stdout } = await runTool("oras-push", args);
    assert.equal(stdout.split("\n").length, 501);
    storeResult(registry, "run", "broken", { bytes: Buffer.from("{"), mediaType: "x/y" });
    const failed = await runTool("oras-push", args);
    assert.equal(failed.code, 76);
    assert.equal(failed.stdout.split("\n").length, 501, "also if the command fails");
  });

  it("lists an OCI layout", async (t) => {
    const layout = temporaryFolder(t);
    const pushed = await runTool("oras-push", ["--oci-layout", `${layout}:a`], { cwd: layout });
    assert.equal(pushed.code, 0, pushed.stderr);
    const { code, stdout } = await runTool("oras-push", ["list", "--oci-layout", layout]);
    assert.equal(code, 0);
    assert.match(stdout, /\na +other +- /);
  });
});
