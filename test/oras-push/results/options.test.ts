import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { listPlan } from "oras-push/options/list";
import { LIST_USAGE } from "oras-push/options/list-usage";
import { pullPlan } from "oras-push/options/pull";
import { PULL_USAGE } from "oras-push/options/pull-usage";
import { reportPlan } from "oras-push/options/report";
import { REPORT_USAGE } from "oras-push/options/report-usage";
import { parseCommandLine } from "shared/cli/command-line";
import type { ToolError } from "shared/cli/tool-error";
import { temporaryFolder } from "../../support/temporary.ts";

const NOW = Date.UTC(2026, 5, 15);
const DAY = 86_400_000;

const words = (text: string) => text.split(" ").filter(Boolean);
const list = async (text: string) => listPlan(await parseCommandLine(LIST_USAGE, words(text), {}), {}, NOW);
const pullAll = async (text: string) => pullPlan(await parseCommandLine(PULL_USAGE, ["--all", ...words(text)], {}), {});

describe("oras-push report", () => {
  const report = async (text: string) => reportPlan(await parseCommandLine(REPORT_USAGE, words(text), {}), {}, NOW);

  it("has a file, a number of log lines, and the repositories as its title", async () => {
    const plan = await report("r.io/a r.io/b/ -o x.html --log-lines 0 --state failed");
    assert.deepEqual([plan.output, plan.logLines, plan.title, plan.now], ["x.html", 0, "r.io/a, r.io/b/", NOW]);
    assert.deepEqual([...(plan.states ?? [])], ["failed"]);
    const { output, logLines } = await report("r.io/a");
    assert.deepEqual([output, logLines], ["report.html", 20]);
  });

  for (const [line, message] of [
    ["", /no repository for the report/],
    ["--log-lines 1001 r.io/a", /--log-lines must be a whole number from 0 to 1000/],
  ] as const)
    it(`refuses "${line}"`, async () => {
      await assert.rejects(report(line), { code: "usage", message });
    });
});

for (const [command, parse] of [
  ["list", list],
  ["pull --all", pullAll],
] as const)
  it(`a layout without its option, or with a tag, gets a hint from oras-push ${command}`, async (t) => {
    const folder = temporaryFolder(t);
    const layout = `${folder}/demo/x`;
    mkdirSync(layout, { recursive: true });
    const refused = { code: "usage", message: /is not a reference/ };
    await assert.rejects(parse(layout), (error: ToolError) => error.code === "usage" && error.hint === undefined);
    writeFileSync(`${layout}/oci-layout`, "{}");
    await assert.rejects(parse(layout), {
      ...refused,
      hint: "to read the OCI layout in this folder, add --oci-layout",
    });
    await assert.rejects(parse(`${layout}/`), { ...refused, hint: /add --oci-layout/ });
    await assert.rejects(parse(`--oci-layout ${layout}:run-3`), {
      code: "usage",
      message: `expected an OCI layout without tag and digest, not ${layout}:run-3`,
      hint: `leave out the tag or digest: write ${layout}`,
    });
    mkdirSync(`${layout}:run-3`);
    await parse(`--oci-layout ${layout}:run-3`);
  });

describe("oras-push list", () => {
  it("has a repository, a registry or a path with a slash at the end", async () => {
    const { targets } = await list("r.io/a/b localhost:5000 localhost:5000/ localhost:5000/metric/ ");
    assert.deepEqual(targets, [
      { registry: "r.io", repository: "a/b", tag: undefined, digest: undefined },
      { registry: "localhost:5000", prefix: "" },
      { registry: "localhost:5000", prefix: "" },
      { registry: "localhost:5000", prefix: "metric/" },
    ]);
    assert.deepEqual((await list("--oci-layout some/dir/ x:1")).targets, [
      { layout: "some/dir/", tag: undefined, digest: undefined },
      { layout: "x:1", tag: undefined, digest: undefined },
    ]);
  });

  it("has states, a time, an order and 16 requests at the same time", async () => {
    const plan = await list("--state failed,other --state checkpoint --since 7d --sort size --reverse r.io/a");
    assert.deepEqual([...(plan.states ?? [])], ["failed", "other", "checkpoint"]);
    assert.equal(plan.since, NOW - 7 * DAY);
    assert.deepEqual([plan.sort, plan.reverse, plan.format, plan.concurrency], ["size", true, "text", 16]);
    const without = await list("r.io/a");
    assert.deepEqual([without.states, without.since, without.sort], [undefined, undefined, "start"]);
  });

  it("accepts dates with and without a time", async () => {
    for (const [text, expected] of [
      ["2026-01-31", Date.UTC(2026, 0, 31)],
      ["2026-01-31T12:00Z", Date.UTC(2026, 0, 31, 12)],
      ["2026-01-31T12:00:30+02:00", Date.UTC(2026, 0, 31, 10, 0, 30)],
      ["90m", NOW - 90 * 60_000],
      ["2w", NOW - 14 * DAY],
    ] as const)
      assert.equal((await list(`--since ${text} r.io/a`)).since, expected, text);
  });

  for (const [line, message] of [
    ["", /no repository to list/],
    ["r.io/a:1", /expected a repository without tag and digest, not r.io\/a:1/],
    ["registry/", /"registry" is not a registry/],
    ["r.io/A/", /not a valid repository/],
    ["--state done r.io/a", /--state must be succeeded, failed, incomplete, checkpoint or other, not "done"/],
    ["--sort name r.io/a", /--sort must be start, end, duration, size, state or tag, not "name"/],
    ["--since monday r.io/a", /--since must be a date or a duration/],
    ["--since 2026-13-01 r.io/a", /--since must be a date or a duration/],
  ] as const)
    it(`refuses "${line}"`, async () => {
      await assert.rejects(list(line), { code: "usage", message });
    });
});
