/** Checks that a push stays within the memory budget of docs/decisions/0052-threads-for-large-folders.md. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { start, toolPath } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { prose } from "./support.ts";

const CONTROLLER = "/sys/fs/cgroup/memory";

/** The memory limit of a container, in bytes. */
const LIMIT = 64 << 20;

/** Returns the reason why this machine cannot limit the memory of a process. Returns false if it can. */
function skipReason(): string | false {
  if (process.getuid?.() !== 0) return "only root can create a cgroup";
  if (!existsSync(join(CONTROLLER, "memory.limit_in_bytes"))) return "no cgroup v1 with a memory controller";
  return false;
}

describe("a push in a container with 64 MiB", { skip: skipReason() }, () => {
  it("sends a large folder, and stays within the budget", async (t) => {
    const folder = temporaryFolder(t);
    const text = prose(8 << 20);
    // Each file starts at a different offset, so the bytes of the files differ.
    for (let index = 0; index < 12; index++) writeFileSync(join(folder, `f${index}`), text.subarray(index * 1000));
    for (let index = 0; index < 4500; index++) writeFileSync(join(folder, `s${index}`), text.subarray(0, index));
    const registry = await startMemoryRegistry();
    t.after(() => registry.close());
    const group = join(CONTROLLER, `push-${process.pid}`);
    mkdirSync(group);
    t.after(() => rmdirSync(group));
    writeFileSync(join(group, "memory.limit_in_bytes"), String(LIMIT));
    writeFileSync(join(group, "memory.swappiness"), "0");
    const script = `echo $$ > ${group}/cgroup.procs; exec "$@"`;
    const push = [toolPath("oras-push"), `${registry.address}/a/b:1`, folder];
    const { code, stderr } = await start("sh", ["-c", script, "sh", ...push]).ended;
    assert.equal(code, 0, stderr);
    const peak = Number(readFileSync(join(group, "memory.max_usage_in_bytes"), "utf8"));
    assert.ok(peak < LIMIT, `the push reached the limit of ${LIMIT} bytes`);
  });
});
