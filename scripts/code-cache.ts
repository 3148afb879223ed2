/**
 * Makes a tool's code cache: runs its script as a pod would and keeps the code of what ran, and of nothing else.
 * To be run with the flags that the executable has: V8 takes a code cache from no other.
 *
 *   node FLAGS scripts/code-cache.ts TOOL SCRIPT CACHE
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Io } from "wait-fs/cli";
import { loadTool } from "./tool-script.ts";

const [tool = "", script = "", cache = ""] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "code-cache-"));
const share = join(folder, "share");
const output = join(folder, "output");
mkdirSync(output);
writeFileSync(join(output, "log"), "text\n");
const layout = join(folder, "layout:1");

/** What each tool is run with. */
const RUNS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  launcher: [["--share", share, "--output", output, "--", "true"]],
  "oras-push": [
    ["--oci-layout", layout, output],
    ["pull", "--oci-layout", layout, "-o", join(folder, "pulled")],
    ["sidecar", "--share", share, "--timeout", "0", "NA", "NA"],
  ],
  "wait-fs": [["-p", output]],
};

const said: string[] = [];
const io: Io = {
  env: { PATH: process.env.PATH },
  stdout: (text) => said.push(text),
  stderr: (text) => said.push(text),
  interrupted: () => new AbortController().signal,
};
const loaded = loadTool(tool, readFileSync(script), undefined, createRequire(process.execPath));
try {
  for (const argv of [["--version"], ...(RUNS[tool] ?? [])])
    await loaded.main([...argv], io).catch((e) => said.push(String(e)));
  if (process.env.SAY) console.error(said.join(""));
  writeFileSync(cache, loaded.codeCache());
} finally {
  rmSync(folder, { recursive: true, force: true });
}
// A sidecar holds its lease until its process ends.
process.exit();
