/**
 * The guide's walkthrough in a real cluster. The test types the guide's commands in the order of the text, and compares
 * their output with the output in the guide. `test/support/guide/exceptions.ts` lists the commands that the test does
 * not run, and the changes to the manifests.
 */
import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { lammpsArchive } from "../../scripts/lammps.ts";
import type { Cluster } from "../../support/cluster/cluster.ts";
import { findProgram } from "../../support/debian.ts";
import { ROOT } from "../../support/paths.ts";
import { ORAS_SKIP } from "../support/clients.ts";
import { CLUSTER_SKIP, startTestCluster } from "../support/cluster.ts";
import { startRemoteRegistry } from "../support/cluster-registries.ts";
import { skipReason } from "../support/guide/exceptions.ts";
import { Reader } from "../support/guide/reader.ts";
import { hasShape } from "../support/guide/shape.ts";
import { type Step, walkthroughSteps } from "../support/guide/steps.ts";

const STEPS = walkthroughSteps(readFileSync(join(ROOT, "docs", "guide.md"), "utf8"));

const MISSING = ["docker-registry", "htpasswd", "hwloc-ls", "ssh-keygen", "tree"].filter(
  (name) => findProgram(name) === undefined,
);

const SKIP = CLUSTER_SKIP || ORAS_SKIP || (MISSING.length > 0 && `not installed: ${MISSING.join(", ")}`);

describe("in a real cluster, the guide", { skip: SKIP, timeout: 900_000 }, () => {
  let cluster: Cluster;
  let reader: Reader;
  let failed: Step | undefined;

  before(async () => {
    cluster = await startTestCluster("guide", [await lammpsArchive()]);
    reader = new Reader(cluster);
    const { authority } = await startRemoteRegistry(cluster, { user: "NAME", password: "PASSWORD" });
    copyFileSync(authority, join(reader.repository, "ca.crt"));
  });

  after(async () => {
    await reader?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  for (const step of STEPS)
    it(`is right in line ${step.line}: ${step.script.split("\n")[0]}`, { skip: skipReason(step) }, async (t) => {
      if (failed !== undefined) return t.skip(`line ${failed.line} failed`);
      failed = step;
      const output = await reader.follow(step);
      failed = undefined;
      assert.ok(hasShape(output, step.output), `unlike in the guide:\n${output}\n--- the guide:\n${step.output}`);
    });

  it("ends each endless command with Ctrl-C", { timeout: 30_000 }, () => reader.interruptAll());
});
