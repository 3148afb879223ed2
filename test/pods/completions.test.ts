/** The completions of an Indexed Job, as processes: a launcher and a native sidecar each, one registry for all. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SHARE } from "shared/pod/markers";
import { findProgram } from "../../support/debian.ts";
import { startDistribution } from "../../support/registry/process-registry.ts";
import { runTool, startTool } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";

const COMPLETIONS = 100;

const DISTRIBUTION = findProgram("docker-registry");

const TAGS = "data/docker/registry/v2/repositories/experiment/squares/_manifests/tags";

/** Runs one completion as the manifest `images/manifests/indexed-job` does; gives when its output was saved. */
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
  // The kubelet then tells the sidecar to end.
  sidecar.child.kill("SIGTERM");
  const pushed = await sidecar.ended;
  assert.equal(launched.code, 0, launched.stderr);
  assert.equal(pushed.code, 0, pushed.stderr);
  return Date.parse(JSON.parse(readFileSync(join(share, SHARE.done), "utf8")).finishedAt);
}

/**
 * Does something for each index, at most `limit` at once, and gives the results in the order of the indexes. Throws what one
 * of them threw, once no other is under way.
 */
async function forEachIndex<T>(limit: number, act: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < COMPLETIONS; index = next++) results[index] = await act(index);
  };
  const workers = Array.from({ length: limit }, worker);
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return results;
}

describe("100 completions that push to one registry", {
  skip: DISTRIBUTION === undefined && "docker-registry is not installed",
  timeout: 300_000,
}, () => {
  for (const limit of [8, 50])
    it(`${limit} at once: every tag is there, with its own output`, async (t) => {
      const folder = temporaryFolder(t);
      const data = join(folder, "registry");
      const registry = await startDistribution(DISTRIBUTION as string, data);
      t.after(() => registry.close());
      const started = performance.now();
      const saved = await forEachIndex(limit, (index) => complete(index, join(folder, `${index}`), registry.address));
      const wall = performance.now() - started;

      const delays = saved.map(
        (at, index) => statSync(join(data, TAGS, `iter-${index}`, "current", "link")).mtimeMs - at,
      );
      delays.sort((one, other) => one - other);
      const [median = 0, longest = 0] = [delays[COMPLETIONS / 2], delays.at(-1)];
      const figures = `median ${Math.round(median)} ms, at most ${Math.round(longest)} ms from the end to the tag`;
      t.diagnostic(`${limit} at once: ${(wall / 1000).toFixed(1)} s for all, ${figures}`);

      const back = join(folder, "back");
      const args = ["pull", "--all", `${registry.address}/experiment/squares`, "-o", back];
      const { code, stderr } = await runTool("oras-push", args);
      assert.equal(code, 0, stderr);
      const tags = Array.from({ length: COMPLETIONS }, (_, index) => `iter-${index}`);
      assert.deepEqual(readdirSync(back).sort(), [...tags].sort());
      for (const [index, tag] of tags.entries())
        assert.equal(readFileSync(join(back, tag, "square.txt"), "utf8"), `${index * index}\n`);
    });
});
