/**
 * Runs the completions of an Indexed Job as processes. Each completion has a launcher and a native sidecar. All
 * completions share one registry.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SHARE } from "shared/pod/markers";
import { findProgram } from "../../support/debian.ts";
import { startDistribution } from "../../support/registry/process-registry.ts";
import { runTool, startTool } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";

const COMPLETIONS = Number(process.env.COMPLETIONS ?? 50);

const DISTRIBUTION = findProgram("docker-registry");

const TAGS = "data/docker/registry/v2/repositories/experiment/squares/_manifests/tags";

/**
 * Runs one completion of the manifest `images/manifests/indexed-job`. Returns the time when the output was saved, in
 * milliseconds since 1970.
 */
async function complete(index: number, folder: string, registry: string): Promise<number> {
  const share = join(folder, "share");
  const output = join(folder, "square.txt");
  mkdirSync(share, { recursive: true });
  const env = { PATH: process.env.PATH, ORAS_SHARE: share, JOB_COMPLETION_INDEX: `${index}` };
  const reference = `${registry}/experiment/squares:iter-{JOB_COMPLETION_INDEX}`;
  const sidecar = startTool("oras-push", ["sidecar", "--native", "NA", reference], { env });
  const script = `echo "$((JOB_COMPLETION_INDEX * JOB_COMPLETION_INDEX))" > ${output}`;
  const command = ["--wait-push", "--output", output, "--", "sh", "-c", script];
  const launched = await runTool("launcher", command, { env });
  // The kubelet stops a native sidecar when the other containers have ended.
  sidecar.child.kill("SIGTERM");
  const pushed = await sidecar.ended;
  assert.equal(launched.code, 0, launched.stderr);
  assert.equal(pushed.code, 0, pushed.stderr);
  return Date.parse(JSON.parse(readFileSync(join(share, SHARE.done), "utf8")).finishedAt);
}

/**
 * Calls a function for each index, with at most `limit` calls at the same time. Returns the results in the order of the
 * indexes. If a call fails, this function waits until all other calls have ended, and throws the error of the call.
 */
async function mapIndexes<T>(limit: number, call: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < COMPLETIONS; index = next++) results[index] = await call(index);
  };
  const workers = Array.from({ length: limit }, worker);
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return results;
}

describe(`${COMPLETIONS} completions with one registry`, {
  skip: DISTRIBUTION === undefined && "docker-registry is not installed",
  timeout: 300_000,
}, () => {
  for (const limit of [8, 50])
    it(`push one tag each, with their own output, ${limit} at the same time`, async (t) => {
      const folder = temporaryFolder(t);
      const data = join(folder, "registry");
      const registry = await startDistribution(DISTRIBUTION as string, data);
      t.after(() => registry.close());
      const started = performance.now();
      const saved = await mapIndexes(limit, (index) => complete(index, join(folder, `${index}`), registry.address));
      const wall = performance.now() - started;

      const delays = saved.map(
        (at, index) => statSync(join(data, TAGS, `iter-${index}`, "current", "link")).mtimeMs - at,
      );
      delays.sort((one, other) => one - other);
      const [median = 0, longest = 0] = [delays[COMPLETIONS / 2], delays.at(-1)];
      const figures = `from the end to the tag: median ${Math.round(median)} ms, maximum ${Math.round(longest)} ms`;
      t.diagnostic(`${limit} at the same time: ${(wall / 1000).toFixed(1)} s in total; ${figures}`);

      const pulled = join(folder, "pulled");
      const args = ["pull", "--all", `${registry.address}/experiment/squares`, "-o", pulled];
      const { code, stderr } = await runTool("oras-push", args);
      assert.equal(code, 0, stderr);
      const tags = Array.from({ length: COMPLETIONS }, (_, index) => `iter-${index}`);
      assert.deepEqual(readdirSync(pulled).sort(), [...tags].sort());
      for (const [index, tag] of tags.entries())
        assert.equal(readFileSync(join(pulled, tag, "square.txt"), "utf8"), `${index * index}\n`);
    });
});
