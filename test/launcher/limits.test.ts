/** Limits of the process (ulimit). */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SHARE } from "shared/pod/markers";
import { run, toolPath } from "../../support/tools.ts";
import { has, places } from "./launching.ts";

describe("a limit of 32 open files", { timeout: 30_000 }, () => {
  for (const [tool, args, marker] of [
    ["launcher", ["--", "touch", "ran"], SHARE.doneFailed],
    ["oras-push", ["sidecar", "NA", "NA"], SHARE.initFailed],
  ] as const)
    it(`is a failure of ${tool} with a marker`, async (context) => {
      const at = places(context);
      const env = { PATH: process.env.PATH, ORAS_SHARE: at.share };
      const script = 'ulimit -n 32; exec "$@"';
      const { code, stderr } = await run("sh", ["-c", script, "sh", toolPath(tool), ...args], { cwd: at.folder, env });
      assert.equal(code, 70, stderr);
      const message = "expected a limit of at least 64 open files, found 32";
      assert.equal(stderr, `${tool}: ${message}\nhint: raise the limit, for example with ulimit -n\n`);
      assert.equal(JSON.parse(readFileSync(join(at.share, marker), "utf8")).error, message);
      assert.ok(!existsSync(join(at.folder, "ran")) && !has(at, SHARE.done));
    });
});
