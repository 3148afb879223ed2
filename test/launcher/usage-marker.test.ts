/** A launcher or a sidecar with an invalid command line writes a failure marker to the shared volume. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { main as launcher } from "launcher/main";
import { main as orasPush } from "oras-push/main";
import { SHARE } from "shared/pod/markers";
import { run, toolPath } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";

type Main = typeof launcher;

/** Calls the code of a tool in this process, with an invalid command line. */
async function fail(main: Main, argv: string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  const io = { env, stdout: () => {}, stderr: () => {}, interrupted: () => new AbortController().signal };
  await assert.rejects(main(argv, io), { code: "usage" });
}

function readMarker(share: string, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(share, name), "utf8"));
}

describe("a launcher with an invalid command line", () => {
  const cases: readonly [
    what: string,
    argv: (share: string) => string[],
    env?: (share: string) => NodeJS.ProcessEnv,
  ][] = [
    ["an unknown option", (share) => ["--nonsense", "--share", share, "--", "true"]],
    ["an unknown option after the folder", (share) => [`--share=${share}`, "--nonsense", "--", "true"]],
    ["an invalid value", (share) => ["--grace", "x", "--share", share, "--", "true"]],
    ["no command", (share) => ["--share", share]],
    ["an invalid variable", () => ["--", "true"], (share) => ({ ORAS_SHARE: share, ORAS_GRACE: "x" })],
    ["the folder of the last --share", (share) => ["--share", "/nonexistent", "--share", share, "--nonsense"]],
  ];
  for (const [what, argv, env] of cases)
    it(`writes a marker: ${what}`, async (context) => {
      const share = temporaryFolder(context);
      await fail(launcher, argv(share), env?.(share));
      const { phase, error, exitCode, attempt } = readMarker(share, SHARE.doneFailed);
      assert.deepEqual([phase, exitCode], ["init", null]);
      assert.match(String(error), /\(usage: launcher /);
      assert.equal(typeof attempt, "string");
    });

  it("writes a marker: an argument that is not UTF-8", async (context) => {
    const share = temporaryFolder(context);
    const script = `exec "$1" -q --share "$2" -- touch "$(printf 'a\\377')"`;
    assert.equal((await run("sh", ["-c", script, "sh", toolPath("launcher"), share])).code, 64);
    assert.match(String(readMarker(share, SHARE.doneFailed).error), /^an argument is not UTF-8 text/);
  });

  for (const argv of [["--install"], ["--install", "bin", "--nonsense"], ["--install=bin", "--", "true"]])
    it(`writes no marker if it installs: ${argv.join(" ")}`, async (context) => {
      const share = temporaryFolder(context);
      await fail(launcher, argv, { ORAS_SHARE: share });
      assert.equal(existsSync(join(share, SHARE.doneFailed)), false);
    });

  it("writes no marker if the volume does not exist", async (context) => {
    const share = join(temporaryFolder(context), "share");
    await fail(launcher, ["--share", share]);
    assert.equal(existsSync(share), false);
  });
});

describe("a sidecar with an invalid command line", () => {
  for (const [what, argv] of [
    ["an unknown option", ["--nonsense", "NA", "NA"]],
    ["a missing argument", ["NA"]],
    ["an invalid reference", ["NA", "Not/A/Reference"]],
  ] as const)
    it(`writes a marker: ${what}`, async (context) => {
      const share = temporaryFolder(context);
      await fail(orasPush, ["sidecar", "--share", share, ...argv]);
      const { error, ...marker } = readMarker(share, SHARE.initFailed);
      assert.deepEqual(marker, { schema: 1, attempt: null, exitCode: 64 });
      assert.match(String(error), /\(usage: oras-push sidecar /);
    });
});

describe("a push or a pull with an invalid command line", () => {
  it("writes no marker", async (context) => {
    const share = temporaryFolder(context);
    for (const argv of [["--nonsense"], ["pull", "--nonsense"]]) await fail(orasPush, argv, { ORAS_SHARE: share });
    assert.equal(existsSync(join(share, SHARE.initFailed)), false);
  });
});
