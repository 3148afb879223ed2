import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DEFAULT_LEVEL } from "oras-push/layer/compression";
import { DEFAULT_RETRY } from "oras-push/oci/http/retry";
import { formatReference } from "oras-push/oci/reference";
import { formatInput } from "oras-push/oci/tag-pattern";
import { pullPlan } from "oras-push/options/pull";
import { PULL_USAGE } from "oras-push/options/pull-usage";
import { pushPlan } from "oras-push/options/push";
import { PUSH_USAGE } from "oras-push/options/push-usage";
import { sidecarPlan } from "oras-push/options/sidecar";
import { SIDECAR_USAGE } from "oras-push/options/sidecar-usage";
import { parseCommandLine } from "shared/cli/command-line";
import { ToolError } from "shared/cli/tool-error";
import { temporaryFolder } from "../support/temporary.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;

const push = async (argv: string, env = {}) => pushPlan(await parseCommandLine(PUSH_USAGE, words(argv), env), env);
const pull = async (argv: string, env = {}) => pullPlan(await parseCommandLine(PULL_USAGE, words(argv), env), env);
const sidecar = async (argv: string, env = {}) =>
  sidecarPlan(await parseCommandLine(SIDECAR_USAGE, words(argv), env), env);

function words(text: string): string[] {
  return text.split(" ").filter(Boolean);
}

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
  it("has a reference and paths, and defaults", async () => {
    const plan = await push("localhost:5000/a/b:1 x /tmp/y");
    assert.equal(plan.references[0]?.tag, "1");
    assert.deepEqual(plan.paths, [{ path: "x" }, { path: "/tmp/y" }]);
    assert.equal(plan.concurrency, 3);
    assert.equal(plan.level, DEFAULT_LEVEL);
    assert.equal(plan.artifactType, undefined);
    assert.deepEqual(plan.annotations, {});
    assert.equal(plan.retrySeconds, DEFAULT_RETRY.deadlineSeconds);
  });

  it("may have no paths", async () => assert.deepEqual((await push("r.io/a:1")).paths, []));

  it("splits a path from its media type at the last colon, and keeps other colons", async () => {
    const { paths } = await push("r.io/a:1 a:text/plain b:c d:e:application/x+json f: g:/h :i");
    assert.deepEqual(paths, [
      { path: "a", mediaType: "text/plain" },
      { path: "b:c" },
      { path: "d:e", mediaType: "application/x+json" },
      { path: "f:" },
      { path: "g:/h" },
      { path: ":i" },
    ]);
  });

  it("does not split an existing path, unless the path without the media type exists", async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "run:one"));
    for (const name of ["run:one/two", "both"]) writeFileSync(join(folder, name), "");
    const { paths } = await push(`r.io/a:1 ${folder}/run:one/two ${folder}/both:text/plain ${folder}/none:text/plain`);
    assert.deepEqual(paths, [
      { path: `${folder}/run:one/two` },
      { path: `${folder}/both`, mediaType: "text/plain" },
      { path: `${folder}/none`, mediaType: "text/plain" },
    ]);
  });

  it("does not show a password in a reference", async () => {
    for (const text of ["me:s3cret@r:1/a:1", "https://me:s3cret@r:1/a:1"])
      await assert.rejects(push(text), (error: ToolError) => {
        assert.match(error.message, /^"(https:\/\/)?\*\*\*@r:1\/a:1" is not a reference/);
        return !`${error.message}${error.why}${error.stack}`.includes("s3cret");
      });
    await refused(push(`r.io/a@sha256:abc`), /^"r.io\/a@sha256:abc" is not/);
  });

  it("accepts equal signs and nothing as the value of an annotation, but refuses a key twice", async () => {
    const { annotations } = await push("r.io/a:1 -a k=1 -a x=a=b -a y=");
    assert.deepEqual(annotations, { k: "1", x: "a=b", y: "" });
    await refused(push("r.io/a:1 -a k=1 --annotation k=2"), /^--annotation k is given twice/);
  });

  it("refuses an artifact type that is no media type, a creation date that is no date, and too large annotations", async () => {
    for (const type of ["x", "a/b/c", "text/plain;x=1"])
      await refused(push(`r.io/a:1 --artifact-type ${type}`), /^--artifact-type must be a media type/);
    const created = (date: string) => push(`r.io/a:1 -a org.opencontainers.image.created=${date}`);
    for (const date of ["today", "2026-01-31", "2026-13-01T00:00:00Z"]) await refused(created(date), /must be a date/);
    for (const date of ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5+01:00"]) await created(date);
    await refused(push(`r.io/a:1 -a k=${"v".repeat(5 << 20)}`), /a manifest can have at most 4194304 bytes$/);
  });

  it("takes options from the environment", async () => {
    const plan = await push("r.io/a:1", {
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

  it("demands TLS with --plain-http=false, or with the variable", async () => {
    assert.equal((await push("localhost:5000/a:1")).plainHttp, undefined);
    assert.equal((await push("localhost:5000/a:1 --plain-http")).plainHttp, true);
    assert.equal((await push("localhost:5000/a:1 --plain-http=false")).plainHttp, false);
    assert.equal((await push("localhost:5000/a:1", { ORAS_PLAIN_HTTP: "false" })).plainHttp, false);
    await refused(push("localhost:5000/a:1 --plain-http=no-idea"), /--plain-http must be true or false/);
  });

  it("needs a password for a user", async () => {
    await refused(
      push("r.io/a:1 -u bob"),
      /^--username bob has no password: expected --password-stdin or ORAS_PUSH_PASS$/,
    );
    for (const password of ["", "\n"])
      await refused(push("r.io/a:1 -u bob", { ORAS_PUSH_PASS: password }), /no password/);
    await refused(push("r.io/a:1 -u bob", { ORAS_PULL_PASS: "pw" }), /no password/);
    assert.equal((await push("r.io/a:1 -u bob", { ORAS_PUSH_PASS: "pw" })).username, "bob");
  });

  it("refuses a reference without a registry", async () => {
    await refused(
      push("metric/hwloc:iter-0 out"),
      /^"metric\/hwloc:iter-0" is not a reference: .*expected REGISTRY\/REPOSITORY/,
    );
  });

  it("reads certificates", async (t) => {
    const file = join(temporaryFolder(t), "ca.pem");
    writeFileSync(file, "PEM");
    assert.equal((await push(`r.io/a:1 --ca-file ${file}`)).ca?.toString(), "PEM");
    await assert.rejects(
      push(`r.io/a:1 --ca-file ${file}.none`),
      (error: ToolError) => error.exitCode === 66 && error.message === `cannot read ${file}.none`,
    );
  });

  it("reports an invalid command line", async () => {
    await refused(push(""), /no reference to push to/);
    await refused(push("not-a-reference x"), /"not-a-reference" is not a reference: expected REGISTRY\/REPOSITORY/);
    await refused(push(`r.io/a@${DIGEST} x`), /has a digest, but a push needs a tag/);
    await refused(push("r.io/a:1 x y/x"), /two paths are named "x"/);
    await refused(push("r.io/a:1 /"), /cannot push "\/": expected the path of a file or folder/);
    await refused(push("r.io/a:1 :text/plain"), /cannot push ":text\/plain"/);
    await refused(push("r.io/a:1 -a novalue"), /--annotation must be KEY=VALUE, not "novalue"/);
    await refused(push("r.io/a:1 -a =v"), /--annotation must be KEY=VALUE/);
    await refused(push("r.io/a:1 --concurrency 0"), /--concurrency must be a whole number from 1, not "0"/);
    await refused(push("r.io/a:1 --concurrency 1.5"), /--concurrency/);
    await refused(
      push("r.io/a:1 --compression-level 0"),
      /--compression-level must be a whole number from 1 to 9, not "0"/,
    );
    await refused(push("r.io/a:1 --compression-level 10"), /--compression-level/);
    await refused(push("r.io/a:1 --cert-file x"), /--cert-file and --key-file must be used together/);
    await refused(push("r.io/a:1 --password-stdin"), /--password-stdin needs --username/);
    await refused(push("r.io/a:1 --format xml"), /--format must be text or json/);
    await refused(push("r.io/a:1 --password x"), /unknown option --password/);
  });
});

describe("a pull", () => {
  it("has references and a folder", async () => {
    const plan = await pull(`r.io/a:1 r.io/b@${DIGEST} -o out -k`);
    assert.deepEqual(plan.references.map(formatReference), ["r.io/a:1", `r.io/b@${DIGEST}`]);
    assert.equal(plan.folder, "out");
    assert.equal(plan.keepOldFiles, true);
    assert.equal((await pull("r.io/a:1")).folder, ".");
    assert.equal((await pull("r.io/a:1")).keepOldFiles, false);
  });

  it("reports an invalid command line", async () => {
    await refused(pull(""), /no reference to pull$/);
    await refused(pull("--all r.io/a r.io/b"), /--all accepts one repository, not 2/);
    await refused(pull("--all r.io/a:1"), /--all needs a repository without tag and digest, not r.io\/a:1/);
    await refused(pull("r.io/a"), /neither a tag nor a digest/);
  });
});

describe("a sidecar", () => {
  it("has references to pull, in their order, and a reference to push to", async () => {
    const plan = await sidecar("r.io/in:1 r.io/out:2 --pull-from r.io/more:3 --share /s --timeout 5");
    assert.deepEqual(
      plan.pullFrom.map(({ repository }) => repository),
      ["in", "more"],
    );
    assert.equal(plan.pushTo?.repository, "out");
    assert.equal(plan.share, "/s");
    assert.equal(plan.timeoutSeconds, 5);
  });

  it("needs one of the passwords for a user", async () => {
    const both = /expected --password-stdin or ORAS_PULL_PASS and ORAS_PUSH_PASS$/;
    await refused(sidecar("r.io/in:1 r.io/out:2 -u bob"), both);
    await refused(sidecar("NA r.io/out:2 -u bob", { ORAS_PULL_PASS: "pw" }), /ORAS_PUSH_PASS$/);
    await sidecar("r.io/in:1 r.io/out:2 -u bob", { ORAS_PUSH_PASS: "pw" });
    await sidecar("NA NA -u bob");
  });

  it("takes NA as none", async () => {
    const plan = await sidecar("NA NA");
    assert.deepEqual(plan.pullFrom, []);
    assert.equal(plan.pushTo, undefined);
    assert.equal(plan.share, "/mnt/oras");
    assert.equal(plan.retrySeconds, 120);
  });

  it("reports an invalid command line", async () => {
    await refused(sidecar("NA r.io/out"), /^r.io\/out has no tag/);
    const tag = "t".repeat(118);
    await refused(sidecar(`NA r.io/out:${tag}`), /is too long: the tag and -incomplete together/);
    await sidecar(`NA r.io/out:${tag} --incomplete-run discard`);
    await refused(sidecar("NA"), /expected PULL-FROM and PUSH-TO, found 1 argument$/);
    await refused(sidecar("NA NA NA"), /expected PULL-FROM and PUSH-TO, found 3 arguments$/);
    await refused(sidecar("NA false NA"), /the second argument must be true, not false/);
    await refused(sidecar("r.io/in NA"), /neither a tag nor a digest/);
    await refused(sidecar(`NA r.io/out@${DIGEST}`), /has a digest, but a push needs a tag/);
  });

  it("takes the later form of the operator: PUSH-TO, the word true, PULL-FROM", async () => {
    const plan = await sidecar("r.io/out:3 true r.io/in:1 r.io/in:2 --pull-from r.io/in:4");
    assert.deepEqual(plan.pullFrom.map(formatInput), ["r.io/in:1", "r.io/in:2", "r.io/in:4"]);
    assert.equal(plan.pushTo && formatReference(plan.pushTo), "r.io/out:3");
    const none = await sidecar("NA true NA");
    assert.deepEqual([none.pullFrom, none.pushTo], [[], undefined]);
  });
});
