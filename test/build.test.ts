/** The executables as they are built. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { buildExecutables, EXEC_ARGV } from "../scripts/build.ts";
import { ROOT } from "../support/paths.ts";
import { run, runTool, toolPath } from "../support/tools.ts";
import { temporaryFolder } from "./support/temporary.ts";

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

  for (const tool of TOOLS)
    it(`take the code of ${tool} from its cache`, async () => {
      const build = join(ROOT, ".cache", `build-${process.arch}`);
      const script = `
        import { readFileSync } from "node:fs";
        import { createRequire } from "node:module";
        import { loadTool } from "./scripts/build/tool-script.ts";
        const [source, cache] = ["${tool}", "${tool}.cache"].map((name) => readFileSync("${build}/" + name));
        console.log(loadTool("${tool}", source, cache, createRequire(process.execPath)).cached);`;
      const args = [...EXEC_ARGV, "--input-type=module", "-e", script];
      assert.equal((await run(process.execPath, args, { cwd: ROOT })).stdout, "true\n");
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
