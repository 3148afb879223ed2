/** The built executables, and the files beside them. */
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, it } from "node:test";
import { describeLayer } from "oras-push/artifact/push-layer";
import { DEFAULT_LEVEL } from "oras-push/layer/compression";
import { layerOf } from "oras-push/layer/layer";
import { usefulThreads } from "oras-push/layer/threads";
import { bundleTool, TOOLS } from "../scripts/build/bundle.ts";
import { EXEC_ARGV } from "../scripts/build/code-cache.ts";
import { sha256 } from "../scripts/build/sha256.ts";
import { UNDICI_CORE } from "../scripts/build/undici-core.ts";
import { buildExecutables } from "../scripts/build.ts";
import { DIST, ROOT } from "../support/paths.ts";
import { startMemoryRegistry } from "../support/registry/memory-registry.ts";
import { run, runTool, toolPath } from "../support/tools.ts";
import { layersOf } from "./oras-push/support.ts";
import { temporaryFolder } from "./support/temporary.ts";

/** The paths of the files for man pages and shell completion, relative to `share`. */
const SHARED_FILES = [
  ...["launcher", "oras-push", "oras-push-pull", "oras-push-sidecar", "wait-fs"].map((page) => `man/man1/${page}.1`),
  ...TOOLS.flatMap((tool) => [
    `bash-completion/completions/${tool}`,
    `fish/vendor_completions.d/${tool}.fish`,
    `zsh/site-functions/_${tool}`,
  ]),
];

describe("the executables", () => {
  for (const tool of TOOLS)
    it(`run ${tool} with an empty environment`, async () => {
      const { code, stdout, stderr } = await runTool(tool, ["--version"]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      assert.match(stdout, new RegExp(`^${tool} \\d+\\.\\d+\\.\\d+\n$`));
    });

  it("ignore NODE_OPTIONS, which is meant for the application", async () => {
    const { code } = await runTool("wait-fs", ["--version"], { env: { NODE_OPTIONS: "--no-such-option" } });
    assert.equal(code, 0);
  });

  const skip = usefulThreads() === 0 ? "this machine has too few processors or too little memory for threads" : false;
  it("push a large folder with threads, and with the digest of the sources without threads", {
    skip,
  }, async (context) => {
    const folder = temporaryFolder(context);
    for (let index = 0; index < 4100; index++)
      writeFileSync(join(folder, String(index)), `${index}\n`.repeat(index % 300));
    const registry = await startMemoryRegistry();
    context.after(() => registry.close());
    const { code, stderr } = await runTool("oras-push", [`${registry.address}/a/b:1`, folder]);
    assert.equal(code, 0, stderr);
    const layer = await layerOf({ path: folder }, { level: DEFAULT_LEVEL, report: assert.fail });
    const { digest, size, annotations } = await describeLayer(layer);
    assert.deepEqual(layersOf(registry, "a/b:1"), [{ mediaType: layer.mediaType, digest, size, annotations }]);
  });

  it("are one file with three names", () => {
    const inodes = TOOLS.map((tool) => statSync(toolPath(tool)).ino);
    assert.equal(new Set(inodes).size, 1);
  });

  for (const tool of TOOLS)
    it(`load the code of ${tool} from its cache`, async () => {
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

  for (const tool of TOOLS)
    it(`load no slow module of Node at the start of ${tool}`, async () => {
      const script = `
        import { readFileSync } from "node:fs";
        import { createRequire } from "node:module";
        import { loadTool } from "./scripts/build/tool-script.ts";
        const require = createRequire(process.execPath);
        const names = [];
        const recorded = (name) => (names.push(name), require(name));
        loadTool("${tool}", readFileSync("${join(ROOT, ".cache", `build-${process.arch}`, tool)}"), undefined, recorded);
        console.log(names.join(" "));`;
      const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: ROOT });
      assert.match(stdout, /\bnode:fs\b/);
      // Only the launcher may load `child_process` and `crypto` at its start. It needs `child_process` to start its
      // command, and `crypto` to name its attempt with a random UUID.
      const needed = tool === "launcher" ? [] : ["child_process", "crypto"];
      const slow = ["zlib", "http", "https", "tls", ...needed];
      assert.deepEqual(
        stdout
          .trim()
          .split(" ")
          .filter((name) => slow.includes(name.replace("node:", ""))),
        [],
      );
    });

  it("are the same bytes in a second build, and so are the files beside them", async (context) => {
    const folder = temporaryFolder(context);
    await buildExecutables(process.arch as "x64" | "arm64", folder);
    assert.equal(sha256(join(folder, "launcher")), sha256(toolPath("launcher")));
    for (const file of SHARED_FILES)
      assert.equal(readFileSync(join(folder, "share", file), "utf8"), readFileSync(join(DIST, "share", file), "utf8"));
  });
});

describe("the bundles", () => {
  for (const tool of TOOLS)
    it(`of ${tool} contain no code that it does not use`, async (context) => {
      const { outputs } = await bundleTool(tool, join(temporaryFolder(context), tool));
      const sources = Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs));
      assert.ok(sources.some(([path]) => path.includes("/yargs/")));
      const unused = [
        // yargs needs these packages and their Unicode data only to lay out help texts.
        /\/(cliui|string-width|get-east-asian-width|wrap-ansi|strip-ansi|emoji-regex)\//,
        // The tools use only the HTTP/1.1 client of undici, and only one of undici's two HTTP parsers.
        /\/undici\/lib\/(mock|cache|interceptor|web)\//,
        /\/undici\/.*(-h2|_simd-wasm)\b/,
        // Help texts for man pages and shells.
        /\/shared\/src\/cli\/(man-page|roff|completion\/)/,
      ];
      // An empty module takes a few bytes.
      const found = sources.filter(
        ([path, { bytesInOutput }]) => bytesInOutput > 50 && unused.some((p) => p.test(path)),
      );
      assert.deepEqual(found, []);
    });

  it("replace undici by a module with the same classes", async () => {
    const require = createRequire(join(ROOT, "packages", "oras-push", "src", "main.ts"));
    const core: Record<string, unknown> = {};
    new Function("require", "exports", UNDICI_CORE)(require, core);
    const undici: Record<string, unknown> = require("undici");
    assert.deepEqual(Object.keys(core).sort(), ["Agent", "ProxyAgent", "buildConnector", "errors"]);
    for (const [name, value] of Object.entries(core)) assert.equal(value, undici[name], name);
  });
});
