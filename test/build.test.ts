/** The executables as they are built. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { buildExecutables } from "../scripts/build.ts";
import { temporaryFolder } from "./support/temporary.ts";
import { runTool, toolPath } from "./support/tools.ts";

const TOOLS = ["launcher", "wait-fs", "oras-push"] as const;

describe("the executables", () => {
  for (const tool of TOOLS)
    it(`${tool} runs with an empty environment and tells its version`, async () => {
      const { code, stdout, stderr } = await runTool(tool, ["--version"]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      assert.match(stdout, new RegExp(`^${tool} \\d+\\.\\d+\\.\\d+\n$`));
    });

  it("NODE_OPTIONS, meant for an application, does them no harm", async () => {
    const { code } = await runTool("wait-fs", ["--version"], { env: { NODE_OPTIONS: "--no-such-option" } });
    assert.equal(code, 0);
  });

  it("are one file under three names", () => {
    const inodes = TOOLS.map((tool) => statSync(toolPath(tool)).ino);
    assert.equal(new Set(inodes).size, 1);
  });

  it("are the same bytes when they are built again", async (context) => {
    const folder = temporaryFolder(context);
    await buildExecutables(process.arch as "x64" | "arm64", folder);
    assert.equal(sha256(join(folder, "launcher")), sha256(toolPath("launcher")));
  });
});

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
