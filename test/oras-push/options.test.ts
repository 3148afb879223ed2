import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DEFAULT_LEVEL } from "oras-push/layer/compression-level";
import { formatReference } from "oras-push/oci/reference";
import { PULL_USAGE, pullPlan } from "oras-push/options/pull";
import { PUSH_USAGE, pushPlan } from "oras-push/options/push";
import { SIDECAR_USAGE, sidecarPlan } from "oras-push/options/sidecar";
import { COMMON_OPTIONS, type OptionSpecs, parseCommandLine, type Usage } from "shared/cli/command-line";
import { ToolError } from "shared/cli/tool-error";
import { temporaryFolder } from "../support/temporary.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;

async function parsed<const S extends OptionSpecs>(usage: Usage<S>, argv: readonly string[], env: NodeJS.ProcessEnv) {
  return parseCommandLine({ ...usage, options: { ...usage.options, ...COMMON_OPTIONS } }, argv, env);
}

const push = async (argv: string, env = {}) => pushPlan(await parsed(PUSH_USAGE, argv.split(" "), env), env);
const pull = async (argv: string, env = {}) => pullPlan(await parsed(PULL_USAGE, argv.split(" "), env), env);
const sidecar = async (argv: string, env = {}) => sidecarPlan(await parsed(SIDECAR_USAGE, argv.split(" "), env), env);

async function refused(plan: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(plan, (error: unknown) => {
    assert.ok(error instanceof ToolError, String(error));
    assert.equal(error.exitCode, 64);
    assert.match(error.message, message);
    assert.match(error.why ?? "", /^usage: oras-push/);
    return true;
  });
}

describe("a push", () => {
  it("has a reference and paths", async () => {
    const plan = await push("localhost:5000/a/b:1 x /tmp/y");
    assert.equal(plan.references[0]?.tag, "1");
    assert.deepEqual(plan.paths, [{ path: "x" }, { path: "/tmp/y" }]);
    assert.equal(plan.concurrency, 3);
    assert.equal(plan.level, DEFAULT_LEVEL);
    assert.equal(plan.artifactType, undefined);
    assert.deepEqual(plan.annotations, {});
  });

  it("may have no paths", async () => assert.deepEqual((await push("r/a:1")).paths, []));

  it("splits a path from its media type at the last colon, and leaves other colons alone", async () => {
    const { paths } = await push("r/a:1 a:text/plain b:c d:e:application/x+json f: g:/h :i");
    assert.deepEqual(paths, [
      { path: "a", mediaType: "text/plain" },
      { path: "b:c" },
      { path: "d:e", mediaType: "application/x+json" },
      { path: "f:" },
      { path: "g:/h" },
      { path: ":i" },
    ]);
  });

  it("does not split a path that is there as it is written, and not without what looks like a media type", async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "run:one"));
    for (const name of ["run:one/two", "both"]) writeFileSync(join(folder, name), "");
    const { paths } = await push(`r/a:1 ${folder}/run:one/two ${folder}/both:text/plain ${folder}/none:text/plain`);
    assert.deepEqual(paths, [
      { path: `${folder}/run:one/two` },
      { path: `${folder}/both`, mediaType: "text/plain" },
      { path: `${folder}/none`, mediaType: "text/plain" },
    ]);
  });

  it("shows no password that stands in a reference", async () => {
    for (const text of ["me:s3cret@r:1/a:1", "https://me:s3cret@r:1/a:1"])
      await assert.rejects(push(text), (error: ToolError) => {
        assert.match(error.message, /^"(https:\/\/)?\*\*\*@r:1\/a:1" is not a reference/);
        return !`${error.message}${error.why}${error.stack}`.includes("s3cret");
      });
    await refused(push(`r/a@sha256:abc`), /^"r\/a@sha256:abc" is not/);
  });

  it("takes annotations, the last of a key, with equal signs in the value", async () => {
    const { annotations } = await push("r/a:1 -a k=1 --annotation k=2 -a x=a=b -a y=");
    assert.deepEqual(annotations, { k: "2", x: "a=b", y: "" });
  });

  it("takes every option from the environment too", async () => {
    const plan = await push("r/a:1", {
      ORAS_PLAIN_HTTP: "true",
      ORAS_CONCURRENCY: "7",
      ORAS_ANNOTATION: "a=1\nb=2",
      ORAS_ARTIFACT_TYPE: "application/x",
      ORAS_COMPRESSION_LEVEL: "9",
      ORAS_RETRY_FOR: "0.5",
    });
    assert.equal(plan.plainHttp, true);
    assert.equal(plan.concurrency, 7);
    assert.deepEqual(plan.annotations, { a: "1", b: "2" });
    assert.equal(plan.artifactType, "application/x");
    assert.equal(plan.level, 9);
    assert.equal(plan.retrySeconds, 0.5);
  });

  it("reads certificates", async (t) => {
    const file = join(temporaryFolder(t), "ca.pem");
    writeFileSync(file, "PEM");
    assert.equal((await push(`r/a:1 --ca-file ${file}`)).ca?.toString(), "PEM");
    await assert.rejects(
      push(`r/a:1 --ca-file ${file}.none`),
      (error: ToolError) => error.exitCode === 66 && error.message === `cannot read ${file}.none`,
    );
  });

  it("says what is wrong", async () => {
    await refused(
      parsed(PUSH_USAGE, [], {}).then((line) => pushPlan(line, {})),
      /no reference/,
    );
    await refused(push("not-a-reference x"), /"not-a-reference" is not a reference: a registry and a repository/);
    await refused(push(`r/a@${DIGEST} x`), /names a digest; a push goes to a tag/);
    await refused(push("r/a:1 x y/x"), /two paths are named "x"/);
    await refused(push("r/a:1 /"), /"\/" cannot be pushed/);
    await refused(push("r/a:1 :text/plain"), /cannot be pushed/);
    await refused(push("r/a:1 -a novalue"), /--annotation is KEY=VALUE, not "novalue"/);
    await refused(push("r/a:1 -a =v"), /--annotation is KEY=VALUE/);
    await refused(push("r/a:1 --concurrency 0"), /--concurrency/);
    await refused(push("r/a:1 --concurrency 1.5"), /--concurrency/);
    await refused(push("r/a:1 --compression-level 0"), /--compression-level/);
    await refused(push("r/a:1 --compression-level 10"), /--compression-level/);
    await refused(push("r/a:1 --cert-file x"), /--cert-file and --key-file go together/);
    await refused(push("r/a:1 --password-stdin"), /--password-stdin goes with --username/);
    await refused(push("r/a:1 --format xml"), /--format is one of text, json/);
    await refused(push("r/a:1 --password x"), /unknown option/);
  });
});

describe("a pull", () => {
  it("has references and a folder", async () => {
    const plan = await pull(`r/a:1 r/b@${DIGEST} -o out -k`);
    assert.deepEqual(plan.references.map(formatReference), ["r/a:1", `r/b@${DIGEST}`]);
    assert.equal(plan.folder, "out");
    assert.equal(plan.keepOldFiles, true);
    assert.equal((await pull("r/a:1")).folder, ".");
    assert.equal((await pull("r/a:1")).keepOldFiles, false);
  });

  it("needs to know what to pull", async () => {
    await refused(
      parsed(PULL_USAGE, [], {}).then((line) => pullPlan(line, {})),
      /no reference to pull from/,
    );
    await refused(pull("r/a"), /neither a tag nor a digest/);
  });
});

describe("a sidecar", () => {
  it("has what to pull from, all in their order, and where to push to", async () => {
    const plan = await sidecar("r/in:1 r/out:2 --pull-from r/more:3 --share /s --timeout 5");
    assert.deepEqual(
      plan.pullFrom.map(({ repository }) => repository),
      ["in", "more"],
    );
    assert.equal(plan.pushTo?.repository, "out");
    assert.equal(plan.share, "/s");
    assert.equal(plan.timeoutSeconds, 5);
  });

  it("takes NA for none", async () => {
    const plan = await sidecar("NA NA");
    assert.deepEqual(plan.pullFrom, []);
    assert.equal(plan.pushTo, undefined);
    assert.equal(plan.share, "/mnt/oras");
  });

  it("says what is wrong", async () => {
    await refused(sidecar("NA"), /one PULL-FROM and one PUSH-TO are due/);
    await refused(sidecar("NA NA NA"), /one PULL-FROM and one PUSH-TO are due/);
    await refused(sidecar("NA false NA"), /is always unpacked when it is pulled: write true/);
    await refused(sidecar("r/in NA"), /neither a tag nor a digest/);
    await refused(sidecar(`NA r/out@${DIGEST}`), /names a digest/);
  });

  it("takes the operator's later form: where to push to, the word true, and what to pull from", async () => {
    const plan = await sidecar("r/out:3 true r/in:1 r/in:2 --pull-from r/in:4");
    assert.deepEqual(plan.pullFrom.map(formatReference), ["r/in:1", "r/in:2", "r/in:4"]);
    assert.equal(plan.pushTo && formatReference(plan.pushTo), "r/out:3");
    const none = await sidecar("NA true NA");
    assert.deepEqual([none.pullFrom, none.pushTo], [[], undefined]);
  });
});
