import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Reference } from "oras-push/oci/reference";
import { savedOutputs } from "oras-push/sidecar/saved-outputs";
import { runSidecar } from "oras-push/sidecar/sidecar";
import type { FoundInput, SidecarContext, SidecarOptions, SidecarSteps } from "oras-push/sidecar/sidecar-context";
import { silent } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { existingPaths } from "shared/pod/existing-paths";
import { watchLease } from "shared/pod/lease";
import { writeMarker } from "shared/pod/marker-file";
import { type ArtifactRecord, type DoneMarker, NOTHING_KNOWN, SHARE } from "shared/pod/markers";
import { openVolume } from "shared/pod/shared-volume";
import { waitUntil } from "shared/pod/wait";
import type { MemoryRegistry } from "../../../support/registry/memory-registry.ts";
import { runTool, startTool } from "../../../support/tools.ts";
import { failing, STEPS } from "../../support/registry/faults.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { fileLayer, layersOf, memoryRegistry, storeArtifact, treeOf } from "../support.ts";

const IN: Reference = { registry: "r", repository: "in", tag: "1", digest: undefined };
const OUT: Reference = { registry: "r", repository: "out", tag: "2", digest: undefined };
const DONE: DoneMarker = { ...NOTHING_KNOWN, attempt: "a1", exitCode: 0, outputs: [] };
const FOUND: FoundInput = {
  reference: IN,
  digest: `sha256:${"1".repeat(64)}`,
  subfolder: undefined,
  source: { fetchManifest: () => assert.fail(), fetchBlob: () => assert.fail() },
};
const IN_RECORD: ArtifactRecord = { reference: "r/in:1", digest: `sha256:${"1".repeat(64)}` };
const OUT_DIGEST = `sha256:${"2".repeat(64)}`;

interface Push {
  readonly tag: string | undefined;
  readonly paths: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** Creates a sidecar with its own share. Instead of real transfers, each pull is counted and each push is recorded. */
function setting(t: TestContext, options: Partial<SidecarOptions & SidecarContext> = {}) {
  const share = join(temporaryFolder(t), "share");
  mkdirSync(share);
  const lease = watchLease(join(share, SHARE.lease));
  t.after(() => lease.close());
  const never = new AbortController().signal;
  let pulls = 0;
  const pushes: Push[] = [];
  const steps: SidecarSteps = {
    takeLease: async () => {},
    findInputs: async () => [FOUND],
    findFinishedRun: async () => undefined,
    pullCheckpoint: () => assert.fail(),
    pushCheckpoint: () => assert.fail(),
    pull: async () => {
      pulls++;
    },
    lease: lease.state,
    settle: async () => {},
    expectLauncher: () => assert.fail(),
    savedOutputs: async (end) => end.outputs?.map((path) => join(share, path)) ?? savedOutputs(share, end),
    push: async ({ reference, paths, annotations }) => {
      pushes.push({ tag: reference.tag, paths, annotations });
      return { reference: `r/out:${reference.tag}`, digest: OUT_DIGEST };
    },
  };
  const all: SidecarOptions = {
    pullFrom: [],
    pushTo: OUT,
    startTimeoutSeconds: undefined,
    timeoutSeconds: undefined,
    failedRun: "push",
    incompleteRun: "push",
    native: false,
    skipDone: false,
    resume: undefined,
    cacheKey: undefined,
    ...options,
  };
  const context: SidecarContext = {
    volume: openVolume(share, lease),
    signal: never,
    terminating: never,
    waitLog: silent,
    warn: silent,
    ...options,
  };
  return {
    share,
    pulls: () => pulls,
    pushes,
    /** Runs the sidecar. If the result contains a failure, throws this failure. */
    run: async (more: Partial<SidecarSteps> = {}) => {
      const result = await runSidecar(all, context, { ...steps, ...more }, () => {});
      if (result.failure !== undefined) throw result.failure;
      return result;
    },
    /** Writes the launcher's marker as soon as the inputs are complete. */
    whenReady: async (done: DoneMarker | undefined) => {
      await appears(join(share, SHARE.init));
      if (done === undefined) writeFileSync(join(share, SHARE.done), "");
      else await writeMarker(join(share, done.error === null ? SHARE.done : SHARE.doneFailed), done);
    },
  };
}

async function appears(path: string): Promise<void> {
  const paths = [path];
  await waitUntil(existingPaths({ paths }), { paths, pollSeconds: 0.05 });
}

async function attemptPushed(share: string, attempt: string): Promise<void> {
  const check = async () => marker(share, SHARE.pushed).attempt === attempt || undefined;
  await appears(join(share, SHARE.pushed));
  await waitUntil(check, { paths: [join(share, SHARE.pushed)], pollSeconds: 0.05 });
}

function marker(share: string, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(share, name), "utf8")) as Record<string, unknown>;
}

describe("a sidecar", { timeout: 120_000 }, () => {
  it("writes the init marker at once without inputs, and pushes the saved outputs", async (t) => {
    const { share, pulls, pushes, run, whenReady } = setting(t);
    const outputs = [{ path: "outputs/analysis", files: 1, bytes: 1 }];
    const [result] = await Promise.all([run(), whenReady({ ...DONE, outputs })]);
    assert.deepEqual(marker(share, SHARE.init), { schema: 1, by: "sidecar", inputs: [] });
    assert.equal(pulls(), 0);
    assert.deepEqual(
      pushes.map(({ tag, paths }) => ({ tag, paths })),
      [{ tag: "2", paths: [join(share, "outputs/analysis")] }],
    );
    assert.deepEqual(result.pushed, { reference: "r/out:2", digest: OUT_DIGEST });
    const { finishedAt, ...pushed } = marker(share, SHARE.pushed);
    assert.deepEqual(pushed, { schema: 1, attempt: "a1", reference: "r/out:2", digest: OUT_DIGEST });
    assert.ok(Date.now() - Date.parse(String(finishedAt)) < 60_000);
  });

  it("pulls inputs before it writes the init marker", async (t) => {
    const { share, run, whenReady } = setting(t, { pullFrom: [IN] });
    const pull = async () => {
      assert.equal(existsSync(join(share, SHARE.init)), false);
    };
    await Promise.all([run({ pull }), whenReady(DONE)]);
    assert.deepEqual(marker(share, SHARE.init), { schema: 1, by: "sidecar", inputs: [IN_RECORD] });
  });

  it("ends with the application if it has no reference to push to", async (t) => {
    const { share, pushes, run, whenReady } = setting(t, { pushTo: undefined });
    const [result] = await Promise.all([run(), whenReady(DONE)]);
    assert.deepEqual(result, { pushed: undefined, failure: undefined });
    assert.deepEqual(pushes, []);
    assert.equal(existsSync(join(share, SHARE.pushed)), false);
  });

  it("pushes everything in the outputs folder except dotfiles after `touch done`", async (t) => {
    const { share, pushes, run, whenReady } = setting(t);
    mkdirSync(join(share, "outputs"), { recursive: true });
    for (const name of ["b", "a", ".new-1"]) writeFileSync(join(share, "outputs", name), "");
    await Promise.all([run(), whenReady(undefined)]);
    assert.deepEqual(pushes, [
      { tag: "2", paths: [join(share, "outputs", "a"), join(share, "outputs", "b")], annotations: {} },
    ]);
    assert.equal(marker(share, SHARE.pushed).attempt, null);
  });

  it("pushes the outputs of a failed run to a separate tag, with its end as annotations", async (t) => {
    const { pushes, run, whenReady } = setting(t);
    const done = { ...DONE, exitCode: 137, signal: "SIGKILL", reason: "timed out after 5 s" };
    await Promise.all([run(), whenReady(done)]);
    assert.deepEqual(
      pushes.map(({ tag, annotations }) => ({ tag, annotations })),
      [
        {
          tag: "2-failed",
          annotations: {
            "dev.oras-pod-tools.run.exit-code": "137",
            "dev.oras-pod-tools.run.signal": "SIGKILL",
            "dev.oras-pod-tools.run.reason": "timed out after 5 s",
            "dev.oras-pod-tools.run.attempt": "a1",
          },
        },
      ],
    );
  });

  it("treats a terminated run with exit code 0 as a success, and records the reason", async (t) => {
    const { pushes, run, whenReady } = setting(t);
    await Promise.all([run(), whenReady({ ...DONE, reason: "terminated" })]);
    assert.equal(pushes[0]?.tag, "2");
    assert.equal(pushes[0]?.annotations["dev.oras-pod-tools.run.reason"], "terminated");
  });

  it("treats a run with a reason but no exit code as failed", async (t) => {
    const { pushes, run, whenReady } = setting(t);
    await Promise.all([run(), whenReady({ ...DONE, exitCode: null, reason: "out of memory" })]);
    assert.equal(pushes[0]?.tag, "2-failed");
  });

  it("pushes nothing if the launcher could not save the outputs, and reports why", async (t) => {
    const { pushes, run, whenReady } = setting(t);
    const done = { ...DONE, phase: "copy", error: "no space left on device" } as const;
    const failed = assert.rejects(run(), (error: ToolError) => {
      assert.equal(error.why, "no space left on device");
      return error.exitCode === 66;
    });
    await Promise.all([failed, whenReady(done)]);
    assert.deepEqual(pushes, []);
  });

  it("says that the launcher could not start the command if it failed before the command", async (t) => {
    const { run, whenReady } = setting(t);
    const done = { ...DONE, phase: "init", error: "cannot restore checkpoint 1" } as const;
    const message = "the launcher could not start the command";
    await Promise.all([assert.rejects(run(), { message: new RegExp(message) }), whenReady(done)]);
  });
});

describe("a failing sidecar", { timeout: 120_000 }, () => {
  it("writes the init-failed marker and no init marker after a failed pull", async (t) => {
    const { share, run } = setting(t, { pullFrom: [IN] });
    const pull = async () => {
      throw new ToolError("registry", "no artifact r/in:1", { why: "not found" });
    };
    await assert.rejects(run({ pull }), (error: ToolError) => error.exitCode === 76);
    assert.equal(existsSync(join(share, SHARE.init)), false);
    assert.deepEqual(marker(share, SHARE.initFailed), {
      schema: 1,
      attempt: null,
      exitCode: 76,
      error: "no artifact r/in:1 (not found)",
    });
  });

  it("writes the push-failed marker and no pushed marker after a failed push", async (t) => {
    const { share, run, whenReady } = setting(t);
    const push = async () => {
      throw new ToolError("unavailable", "cannot reach the registry r", { why: "connection refused" });
    };
    await Promise.all([assert.rejects(run({ push }), (error: ToolError) => error.exitCode === 69), whenReady(DONE)]);
    assert.equal(existsSync(join(share, SHARE.pushed)), false);
    assert.deepEqual(marker(share, SHARE.pushFailed), {
      schema: 1,
      attempt: "a1",
      exitCode: 69,
      error: "cannot reach the registry r (connection refused)",
    });
  });

  it("removes the init-failed marker when it succeeds after a restart", async (t) => {
    const { share, run, whenReady } = setting(t, { pullFrom: [IN] });
    await assert.rejects(run({ pull: () => Promise.reject(new Error("broken")) }));
    assert.equal(marker(share, SHARE.initFailed).exitCode, 70);
    await Promise.all([run(), whenReady(DONE)]);
    assert.equal(existsSync(join(share, SHARE.initFailed)), false);
  });
});

describe("a restarted sidecar", { timeout: 120_000 }, () => {
  it("changes nothing after its push", async (t) => {
    const { share, pulls, pushes, run, whenReady } = setting(t, { pullFrom: [IN] });
    await Promise.all([run(), whenReady(DONE)]);
    const files = () => readdirSync(share).map((name) => [name, statSync(join(share, name)).mtimeMs]);
    const before = files();
    const { pushed } = await run();
    assert.equal(pushed?.digest, OUT_DIGEST);
    assert.deepEqual(files(), before);
    assert.equal(pulls(), 1);
    assert.equal(pushes.length, 1);
  });

  it("pushes another attempt", async (t) => {
    const { share, pushes, run, whenReady } = setting(t);
    await Promise.all([run(), whenReady(DONE)]);
    await writeMarker(join(share, SHARE.done), { ...DONE, attempt: "a2" });
    await run();
    assert.equal(pushes.length, 2);
    assert.equal(marker(share, SHARE.pushed).attempt, "a2");
  });

  it("handles further attempts if it is native and a launcher starts after an attempt that ended earlier", async (t) => {
    const ending = new AbortController();
    const { share, pushes, run } = setting(t, { native: true, terminating: ending.signal });
    await writeMarker(join(share, SHARE.done), DONE);
    let next = "a2";
    const expectLauncher = async () => {
      await writeMarker(join(share, SHARE.done), { ...DONE, attempt: next });
      return true;
    };
    const running = run({ expectLauncher });
    await attemptPushed(share, "a2");
    next = "a4";
    await writeMarker(join(share, SHARE.done), { ...DONE, attempt: "a3" });
    await attemptPushed(share, "a3");
    ending.abort();
    await running;
    assert.equal(pushes.length, 3);
  });

  it("pulls changed inputs", async (t) => {
    const { share, run, whenReady } = setting(t, { pullFrom: [IN] });
    await writeMarker(join(share, SHARE.init), { schema: 1, by: "sidecar", inputs: [] });
    let pulled = false;
    const pull = async () => {
      assert.equal(existsSync(join(share, SHARE.init)), false, "the old marker exists during the pull");
      pulled = true;
    };
    await Promise.all([run({ pull }), whenReady(DONE)]);
    assert.ok(pulled);
  });

  it("ignores an old done marker that a launcher is about to remove", async (t) => {
    const settling = Promise.withResolvers<void>();
    const { share, pushes, run } = setting(t);
    await writeMarker(join(share, SHARE.done), { ...DONE, attempt: "stale" });
    const settle = async () => {
      settling.resolve();
      await removed.promise;
    };
    const removed = Promise.withResolvers<void>();
    const running = run({ settle });
    await Promise.race([settling.promise, running]);
    rmSync(join(share, SHARE.done));
    removed.resolve();
    await writeMarker(join(share, SHARE.done), { ...DONE, attempt: "fresh" });
    await running;
    assert.equal(pushes.length, 1);
    assert.equal(pushes[0]?.annotations["dev.oras-pod-tools.run.attempt"], "fresh");
  });

  it("throws the reason of an abort while it waits, and writes no failure marker", async (t) => {
    const controller = new AbortController();
    const { share, run } = setting(t, { signal: controller.signal });
    const running = assert.rejects(run(), /^Error: stop$/);
    await appears(join(share, SHARE.init));
    controller.abort(new Error("stop"));
    await running;
    assert.deepEqual(readdirSync(share), [SHARE.init]);
  });
});

describe("the sidecar executable", { timeout: 120_000 }, () => {
  it("pulls inputs and pushes outputs, whatever the umask", async (t) => {
    const registry = await memoryRegistry(t);
    const share = join(temporaryFolder(t), "share");
    storeArtifact(registry, "1", [fileLayer("data", "input")], "in");
    const before = process.umask(0o077);
    const running = startTool("oras-push", [
      "sidecar",
      `${registry.address}/in:1`,
      `${registry.address}/out:2`,
      "--share",
      share,
    ]);
    process.umask(before);
    await appears(join(share, SHARE.init));
    assert.deepEqual(treeOf(join(share, "inputs")), { data: "input" });
    for (const [name, mode] of [
      [".", 0o005],
      ["inputs", 0o005],
      ["inputs/data", 0o004],
      [SHARE.init, 0o004],
    ] as const)
      assert.equal(statSync(join(share, name)).mode & mode, mode, `the application cannot read ${name}`);
    mkdirSync(join(share, "outputs", "analysis"), { recursive: true });
    writeFileSync(join(share, "outputs", "analysis", "f"), "output");
    const outputs = [{ path: "outputs/analysis", files: 1, bytes: 6 }];
    await writeMarker(join(share, SHARE.done), { ...DONE, outputs });
    const { code, stdout, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Pushed \[registry\] \S+\/out:2\nDigest: sha256:[0-9a-f]{64}\n$/);
    assert.equal(marker(share, SHARE.pushed).digest, /sha256:[0-9a-f]{64}/.exec(stdout)?.[0]);
    assert.equal(layersOf(registry, "out:2")[0]?.annotations?.["org.opencontainers.image.title"], "analysis");
  });

  it("exits with 76 if it cannot pull, and writes the error to the marker", async (t) => {
    const registry = await memoryRegistry(t);
    const share = temporaryFolder(t);
    const args = ["sidecar", `${registry.address}/in:1`, "NA", "--share", share];
    const { code, stderr } = await runTool("oras-push", args);
    assert.equal(code, 76);
    assert.match(stderr, /^oras-push: cannot find the input \S+\/in:1$/m);
    assert.match(String(marker(share, SHARE.initFailed).error), /cannot find the input/);
    assert.equal(existsSync(join(share, "inputs")), false);
  });

  it("exits with 77 if it cannot push, writes the error to the marker, and no tag", async (t) => {
    const registry = await memoryRegistry(t);
    const share = temporaryFolder(t);
    registry.intercept(failing(403, STEPS.post));
    const args = ["sidecar", "NA", `${registry.address}/out:2`, "--share", share];
    const running = startTool("oras-push", args);
    await appears(join(share, SHARE.init));
    mkdirSync(join(share, "outputs"));
    writeFileSync(join(share, "outputs", "f"), "output");
    writeFileSync(join(share, SHARE.done), "");
    assert.equal((await running.ended).code, 77);
    assert.match(String(marker(share, SHARE.pushFailed).error), /the registry returned 403/);
    assert.equal(registry.manifests.size, 0);
  });

  describe("with --no-clobber", { concurrency: true }, () => {
    /** Runs a sidecar in a new pod in which the launcher has already saved a file. */
    async function runPod(
      t: TestContext,
      reference: string,
      run: number,
      done: Partial<DoneMarker>,
      ...more: string[]
    ) {
      const share = temporaryFolder(t);
      mkdirSync(join(share, "outputs"));
      writeFileSync(join(share, "outputs", "f"), "content");
      const outputs = [{ path: "outputs/f", files: 1, bytes: 7 }];
      const [startedAt, finishedAt] = [`2026-01-01T00:00:0${run}Z`, `2026-01-01T00:01:0${run}Z`];
      const marker = { ...DONE, outputs, attempt: `attempt-${run}`, startedAt, finishedAt, ...done };
      await writeMarker(join(share, SHARE.done), marker);
      const env = {
        POD_NAME: `pod-${run}`,
        POD_NAMESPACE: `namespace-${run}`,
        NODE_NAME: `node-${run}`,
        SOURCE_DATE_EPOCH: `${run}`,
        REGISTRY: reference.split("/")[0],
      };
      return runTool("oras-push", ["sidecar", "NA", reference, "--share", share, "--no-clobber", ...more], { env });
    }
    const annotationsOf = (registry: MemoryRegistry, tag: string): Record<string, string> =>
      JSON.parse(registry.manifests.get(tag)?.bytes.toString() ?? "{}").annotations;

    it("accepts the same outputs of another run, and keeps the tag", async (t) => {
      const registry = await memoryRegistry(t);
      const reference = `${registry.address}/out:2`;
      const first = await runPod(t, reference, 1, {}, "-a", "user=me");
      assert.equal(first.code, 0, first.stderr);
      const manifest = registry.manifests.get("out:2");
      assert.deepEqual(annotationsOf(registry, "out:2"), {
        "dev.oras-pod-tools.run.attempt": "attempt-1",
        "dev.oras-pod-tools.run.exit-code": "0",
        "dev.oras-pod-tools.run.finished": "2026-01-01T00:01:01Z",
        "dev.oras-pod-tools.run.namespace": "namespace-1",
        "dev.oras-pod-tools.run.node": "node-1",
        "dev.oras-pod-tools.run.pod": "pod-1",
        "dev.oras-pod-tools.run.started": "2026-01-01T00:00:01Z",
        "org.opencontainers.image.created": "1970-01-01T00:00:01Z",
        user: "me",
      });
      const second = await runPod(t, reference, 2, {}, "-a", "user=me");
      assert.equal(second.code, 0, second.stderr);
      assert.equal(second.stdout, first.stdout);
      assert.equal(registry.manifests.get("out:2"), manifest);
    });

    for (const [what, done, more] of [
      ["exit code", { exitCode: 4 }, ["-a", "user=me"]],
      ["signal", { signal: "SIGTERM" }, ["-a", "user=me"]],
      ["reason", { reason: "timed out" }, ["-a", "user=me"]],
      ["set of inputs", {}, ["-a", "user=me", "--pull-from", "{REGISTRY}/in:1"]],
      ["user's annotation", {}, ["-a", "user=other"]],
    ] as const)
      it(`exits with 73 for another ${what}, and keeps the tag`, async (t) => {
        const registry = await memoryRegistry(t);
        storeArtifact(registry, "1", [fileLayer("data", "input")], "in");
        const reference = `${registry.address}/out:2`;
        const failed = { exitCode: 3, signal: null, reason: null };
        assert.equal((await runPod(t, reference, 1, failed, "-a", "user=me")).code, 0);
        const manifest = registry.manifests.get("out:2-failed");
        assert.ok(manifest);
        const { code, stderr } = await runPod(t, reference, 2, { ...failed, ...done }, ...more);
        assert.equal(code, 73, stderr);
        assert.match(stderr, /out:2-failed already refers to different content/);
        assert.equal(registry.manifests.get("out:2-failed"), manifest);
      });
  });

  it("exits with 124 after its timeout, and with 143 after SIGTERM", async (t) => {
    const share = temporaryFolder(t);
    const args = ["sidecar", "NA", "NA", "--share", share];
    const late = await runTool("oras-push", [...args, "--timeout", "0.3"]);
    assert.equal(late.code, 124);
    assert.match(late.stderr, /the application did not end: timed out after 0\.3 s/);
    rmSync(join(share, SHARE.init));
    const running = startTool("oras-push", args);
    await appears(join(share, SHARE.init));
    running.child.kill("SIGTERM");
    assert.equal((await running.ended).code, 143);
  });

  it("waits after SIGTERM for the end of a launcher that started, and ends at a second one", async (t) => {
    const share = temporaryFolder(t);
    const launcher = startTool("launcher", ["--share", share, "--", "sleep", "60"]);
    await appears(join(share, SHARE.started));
    const startAndTerminate = async () => {
      const running = startTool("oras-push", ["sidecar", "NA", "NA", "--share", share]);
      await sleep(1500);
      running.child.kill("SIGTERM");
      await sleep(300);
      return running;
    };
    const stopped = await startAndTerminate();
    stopped.child.kill("SIGTERM");
    assert.equal((await stopped.ended).code, 143);
    const patient = await startAndTerminate();
    assert.equal(patient.child.exitCode, null);
    launcher.child.kill("SIGTERM");
    assert.equal((await launcher.ended).code, 143);
    assert.equal((await patient.ended).code, 0);
  });
});
