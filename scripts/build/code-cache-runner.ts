/**
 * Makes the code cache of a tool: runs the tool's script as a pod does, and keeps the code of the functions that ran.
 * Run this script with the flags of the executable, because V8 rejects a code cache that was made with other flags.
 *
 *   node FLAGS scripts/build/code-cache-runner.ts TOOL SCRIPT CACHE
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import type { Io } from "shared/cli/io";
import { SHARE } from "shared/pod/markers";
import { startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { loadTool } from "./tool-script.ts";

// Each time this script runs, these compilers of V8 would start at different moments. This would change the cache.
// Therefore, this script turns the compilers off.
const TIERS = ["opt", "maglev", "sparkplug"];
for (const tier of TIERS) setFlagsFromString(`--no-${tier}`);

const [tool = "", script = "", cache = ""] = process.argv.slice(2);
const { main, codeCache } = loadTool(tool, readFileSync(script), undefined, createRequire(process.execPath));
const folder = mkdtempSync(join(tmpdir(), "code-cache-"));

/**
 * How many times this script runs the commands of the tool. The order of events differs each time, and can change which
 * functions run. With several rounds, it is more likely that two runs of this script make the same cache.
 */
const ROUNDS = 2;

const RUNS: Readonly<Record<string, (share: string) => Promise<void>>> = {
  launcher: (share) => run("--share", share, "--output", join(share, SHARE.outputs), "--", "true"),
  "oras-push": async (share) => {
    const registry = await startMemoryRegistry();
    const reference = `${registry.address}/run/outputs:1`;
    writeFileSync(join(share, SHARE.done), "");
    await run("sidecar", "--share", share, "NA", reference);
    await run(reference, share);
    await run("pull", reference, "-o", join(share, "pulled"));
    await registry.close();
  },
  "wait-fs": (share) => run("-p", share),
};

try {
  await run("--version");
  for (let round = 0; round < ROUNDS; round++) {
    const share = join(folder, String(round));
    mkdirSync(join(share, SHARE.outputs), { recursive: true });
    writeFileSync(join(share, SHARE.outputs, "log"), "text\n");
    await RUNS[tool]?.(share);
  }
  // The executable runs with these compilers, and V8 rejects a cache that was made with other flags. Therefore, this
  // script turns the compilers on again before it makes the cache.
  for (const tier of TIERS) setFlagsFromString(`--${tier}`);
  writeFileSync(cache, codeCache());
} finally {
  rmSync(folder, { recursive: true, force: true });
}
// The lease of a sidecar would keep this process alive.
process.exit();

async function run(...argv: string[]): Promise<void> {
  const output: string[] = [];
  const io: Io = {
    env: { PATH: "/usr/bin:/bin" },
    stdout: (text) => output.push(text),
    stderr: (text) => output.push(text),
    interrupted: () => new AbortController().signal,
  };
  const code = await main(argv, io);
  if (code !== 0) throw new Error(`${tool} ${argv.join(" ")} failed with exit code ${code}: ${output.join("")}`);
}
