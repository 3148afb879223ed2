/**
 * Makes a tool's code cache: runs its script as a pod would and keeps the code of what ran, and of nothing else.
 * To be run with the flags that the executable has: V8 takes a code cache from no other.
 *
 *   node FLAGS scripts/build/code-cache.ts TOOL SCRIPT CACHE
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import type { Io } from "shared/cli/cli";
import { SHARE } from "shared/pod/markers";
import { startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { loadTool } from "./tool-script.ts";

// What is compiled for speed, and when, differs from run to run, and the cache tells of it.
const TIERS = ["opt", "maglev", "sparkplug"];
for (const tier of TIERS) setFlagsFromString(`--no-${tier}`);

const [tool = "", script = "", cache = ""] = process.argv.slice(2);
const { main, codeCache } = loadTool(tool, readFileSync(script), undefined, createRequire(process.execPath));
const folder = mkdtempSync(join(tmpdir(), "code-cache-"));

/** In which order things come about differs from run to run: after a few, everything has come about that does. */
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
  // The flags are part of the cache: those of the executable.
  for (const tier of TIERS) setFlagsFromString(`--${tier}`);
  writeFileSync(cache, codeCache());
} finally {
  rmSync(folder, { recursive: true, force: true });
}
// A sidecar holds its lease until its process ends.
process.exit();

async function run(...argv: string[]): Promise<void> {
  const said: string[] = [];
  const io: Io = {
    env: { PATH: "/usr/bin:/bin" },
    stdout: (text) => said.push(text),
    stderr: (text) => said.push(text),
    interrupted: () => new AbortController().signal,
  };
  const code = await main(argv, io);
  if (code !== 0) throw new Error(`${tool} ${argv.join(" ")} ended with ${code}: ${said.join("")}`);
}
