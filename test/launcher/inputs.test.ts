/** The inputs that the sidecar pulled. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SHARE } from "shared/pod/markers";
import { startTool } from "../../support/tools.ts";
import { waitUntilIdle } from "../support/idle-process.ts";
import { failed, has, launch, places, waitForOutput, writeInit } from "./launching.ts";

describe("inputs", { timeout: 30_000 }, () => {
  it("are awaited and copied, with dotfiles, before the command runs", async (context) => {
    const at = places(context);
    const args = ["--share", at.share, "deep/in", "NA", "sh", "-c", "cat deep/in/.dot deep/in/folder/file"];
    const running = startTool("launcher", args, { cwd: at.folder });
    await waitForOutput(running, `wait-fs: `);
    mkdirSync(join(at.share, SHARE.inputs, "folder"), { recursive: true });
    writeFileSync(join(at.share, SHARE.inputs, ".dot"), "dot\n");
    writeFileSync(join(at.share, SHARE.inputs, "folder", "file"), "file\n");
    writeInit(at);
    const { code, stdout } = await running.ended;
    assert.equal(code, 0);
    assert.equal(stdout, "dot\nfile\n");
  });

  it("may be empty, with or without an inputs folder", async (context) => {
    const at = places(context);
    writeInit(at);
    assert.equal((await launch(at, ["--input", "in", "--", "rmdir", "in"])).code, 0);
    mkdirSync(join(at.share, SHARE.inputs));
    assert.equal((await launch(at, ["--input", "in", "--", "rmdir", "in"])).code, 0);
  });

  it("are awaited until a truncated init marker is complete", async (context) => {
    const at = places(context);
    writeFileSync(join(at.share, SHARE.init), '{"schema": 1,');
    const running = startTool("launcher", ["--share", at.share, "--input", "in", "--", "true"], { cwd: at.folder });
    await waitForOutput(running, SHARE.init);
    await waitUntilIdle(running.pid);
    writeFileSync(join(at.share, SHARE.init), '{"schema": 1}');
    assert.equal((await running.ended).code, 0);
  });

  it("are not copied if the input path is the inputs folder", async (context) => {
    const at = places(context);
    mkdirSync(join(at.share, SHARE.inputs));
    writeFileSync(join(at.share, SHARE.inputs, "file"), "1");
    writeInit(at);
    assert.equal(
      (await launch(at, ["--input", join(at.share, SHARE.inputs), "--", "cat", "share/inputs/file"])).stdout,
      "1",
    );
  });

  it("end the launcher with 66 and the sidecar's reason if they could not be pulled", async (context) => {
    const at = places(context);
    const running = startTool("launcher", ["--share", at.share, "--input", "in", "--", "touch", "ran"], {
      cwd: at.folder,
    });
    await waitForOutput(running, SHARE.init);
    const reason = { schema: 1, attempt: null, exitCode: 76, error: "MANIFEST_UNKNOWN: no such tag" };
    writeFileSync(join(at.share, SHARE.initFailed), JSON.stringify(reason));
    const { code, stderr } = await running.ended;
    assert.equal(code, 66);
    const line = "launcher: cannot run the command: the inputs were not pulled (MANIFEST_UNKNOWN: no such tag)\n";
    assert.ok(stderr.endsWith(line), stderr);
    assert.ok(!existsSync(join(at.folder, "ran")));
    assert.ok(!has(at, SHARE.done));
    assert.equal(failed(at).exitCode, null);
  });

  it("end the launcher with 73 and their path if it cannot be created", async (context) => {
    const at = places(context);
    writeInit(at);
    writeFileSync(join(at.folder, "file"), "");
    const { code, stderr } = await launch(at, ["--input", "file/in", "--", "touch", "ran"]);
    assert.equal(code, 73);
    assert.equal(stderr, "launcher: cannot create file/in (a part of the path is not a directory)\n");
    assert.equal(failed(at).phase, "init");
  });
});
