import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "../../support/paths.ts";
import { sha256 } from "./sha256.ts";

/**
 * The flags that Node runs the tools with. V8 rejects a code cache that was made without these flags. Two flags turn
 * off settings that are meant for the application: the OpenSSL configuration of the image, and the proxies of Node's
 * own HTTP client (NODE_USE_ENV_PROXY). Without these two flags, an invalid setting would prevent the start of a tool.
 */
export const EXEC_ARGV = [
  "--disable-sigusr1",
  "--max-semi-space-size=1",
  "--v8-pool-size=0",
  "--no-warnings",
  "--openssl-config=/dev/null",
  "--no-use-env-proxy",
];

/**
 * Flags for reproducible code caches. Without the fixed seed, the order in a cache would be random. Without the large
 * young generation, garbage collections would change a cache.
 */
const REPRODUCIBLE = ["--random-seed=1", "--min-semi-space-size=256", "--max-semi-space-size=256"];

/** The maximum number of caches to make for one tool. */
const MAX_ROUNDS = 10;

/**
 * Makes the code cache `TOOL.cache` of the script `TOOL` in a folder. The order of events can change which functions
 * run. As a result, about one of forty caches differs from the others. Therefore, this function makes caches until two
 * caches are equal, and keeps the last cache. Throws if ten caches all differ.
 */
export function makeCodeCache(tool: string, folder: string): void {
  const cache = join(folder, `${tool}.cache`);
  const seen = new Set<string>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    runTool(tool, join(folder, tool), cache);
    const digest = sha256(cache);
    if (seen.has(digest)) return;
    seen.add(digest);
  }
  throw new Error(`cannot make a reproducible code cache of ${tool}: ${MAX_ROUNDS} caches all differ`);
}

function runTool(tool: string, script: string, cache: string): void {
  const runner = join(ROOT, "scripts", "build", "code-cache-runner.ts");
  const args = [...EXEC_ARGV, ...REPRODUCIBLE, runner, tool, script, cache];
  // The environment is empty, because environment variables can change which functions run.
  const { status, stderr } = spawnSync(process.execPath, args, { env: {}, stdio: ["ignore", "ignore", "pipe"] });
  // If the script fails, Node prints the whole bundle in one line, and then the cause. Therefore, the error message
  // contains only the end of Node's output.
  if (status !== 0) throw new Error(`cannot make the code cache of ${tool}: ${stderr.toString().slice(-1000)}`);
}
