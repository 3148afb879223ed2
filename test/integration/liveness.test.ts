/** Deaths of a pod's containers. No process may hang, and no failure may count as a success. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { refuse } from "../../support/registry/memory-registry.ts";
import { type RunningProcess, sharedToolPath, start } from "../../support/tools.ts";
import { waitForOutput } from "../launcher/launching.ts";
import { waitUntilIdle } from "../support/idle-process.ts";
import { type TestPod, testPod, waitForLeaseReaders, waitForPath } from "../support/pod.ts";

const ANNOTATION = "dev.oras-pod-tools.run";
const LEASE = "oras-operator-lease.sock";
const INIT = "oras-operator-init.txt";
const DONE = "oras-operator-done.txt";

function tags({ registry }: TestPod): string[] {
  const names = [...registry.manifests.keys()].filter((name) => !name.includes("@"));
  return names.map((name) => name.slice("metric/".length)).sort();
}

function manifest({ registry }: TestPod, tag: string): { annotations: Record<string, string>; layers: object[] } {
  return JSON.parse(registry.manifests.get(`metric/${tag}`)?.bytes.toString() ?? "{}");
}

/** Waits until a new sidecar waits for the end of an attempt, and is idle. Throws if the sidecar ends. */
async function waitForIdleSidecar(sidecar: RunningProcess): Promise<void> {
  await waitForOutput(sidecar, "/oras-operator-done.txt");
  await waitUntilIdle(sidecar.pid);
}

/** Starts a sidecar. Returns when the sidecar waits for the launcher. */
async function waitingSidecar(pod: TestPod, args: readonly string[]): Promise<RunningProcess> {
  const sidecar = pod.start("oras-push", ["sidecar", ...args]);
  await waitForIdleSidecar(sidecar);
  return sidecar;
}

describe("a launcher that dies", { timeout: 180_000 }, () => {
  it("is detected soon; the sidecar pushes its outputs as incomplete and exits with 79", async (context) => {
    const pod = await testPod(context);
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]);
    const launcher = await pod.startSleepingLauncher();
    await waitForLeaseReaders(pod.share);
    const killed = performance.now();
    launcher.child.kill("SIGKILL");
    const { code, stdout, stderr } = await sidecar.ended;
    // Without the lease, the sidecar would detect the death only after 30 seconds without a heartbeat.
    assert.ok(performance.now() - killed < 20_000, `${performance.now() - killed} ms`);
    assert.equal(code, 79, stderr);
    assert.match(stderr, /^oras-push: the launcher died before it finished\nhint: .*\n$/m);
    assert.match(stdout, /^Pushed \[registry\] \S+\/metric\/t:1-incomplete\n/);
    assert.deepEqual(tags(pod), ["t:1-incomplete"]);
    const { annotations } = manifest(pod, "t:1-incomplete");
    assert.equal(annotations[`${ANNOTATION}.incomplete`], "true");
    assert.equal(annotations[`${ANNOTATION}.reason`], "the launcher died");
  });

  it("leaves nothing in the registry with --incomplete-run discard, and the sidecar exits with 79", async (context) => {
    const pod = await testPod(context);
    await (await pod.startSleepingLauncher()).kill();
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1"), "--incomplete-run", "discard"]);
    assert.equal((await sidecar.ended).code, 79);
    assert.deepEqual(tags(pod), []);
  });

  it("is detected by a later sidecar from its lease, and pushed only once", async (context) => {
    const pod = await testPod(context);
    await (await pod.startSleepingLauncher()).kill();
    for (const _ of ["the sidecar", "its restart"])
      assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended).code, 79);
    assert.deepEqual(tags(pod), ["t:1-incomplete"]);
    assert.equal(pod.registry.requests.filter(({ url }) => url.includes("/manifests/")).length, 1);
  });

  it("does not disturb the push after it wrote the done marker", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["--wait-push", "--", "true"]);
    await waitForPath(join(pod.share, DONE));
    launcher.child.kill("SIGKILL");
    await launcher.ended;
    assert.ok(existsSync(join(pod.share, LEASE)), "its lease is missing");
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended).code, 0);
    assert.deepEqual(tags(pod), ["t:1"]);
  });

  it("ends wait-fs --alive with 79", async (context) => {
    const pod = await testPod(context);
    const launcher = await pod.startSleepingLauncher();
    const waiter = pod.start("wait-fs", ["-p", "never", "--alive", join(pod.share, LEASE)]);
    await waitForLeaseReaders(pod.share);
    await launcher.kill();
    assert.equal((await waiter.ended).code, 79);
  });
});

describe("wait-fs --alive", { timeout: 180_000 }, () => {
  it("finds the last file of the launcher, 20 times in a race with the end of the lease", async (context) => {
    const pod = await testPod(context);
    for (let run = 0; run < 20; run++) {
      const waiter = pod.start("wait-fs", [
        "-p",
        join(pod.share, `last-${run}`),
        "--alive",
        join(pod.share, LEASE),
        "-q",
      ]);
      const script = `sleep 0.${run % 5}; touch share/last-${run}`;
      await pod.start("launcher", ["-q", "--", "sh", "-c", script]).ended;
      assert.equal((await waiter.ended).code, 0);
    }
  });
});

describe("a failing launcher", { timeout: 180_000 }, () => {
  it("has its outputs pushed as incomplete, with the reason, and the sidecar exits with 66", async (context) => {
    const pod = await testPod(context);
    const outputs = ["--output", join(pod.share, "direct"), "--output", "missing"];
    const launcher = pod.start("launcher", [...outputs, "--", "sh", "-c", "echo content > share/direct"]);
    assert.equal((await launcher.ended).code, 66);
    const sidecar = await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended;
    assert.equal(sidecar.code, 66);
    assert.match(sidecar.stderr, /^oras-push: the launcher could not save the outputs \(missing output missing.*\)$/m);
    const { annotations, layers } = manifest(pod, "t:1-incomplete");
    assert.match(annotations[`${ANNOTATION}.reason`] ?? "", /^missing output missing/);
    assert.equal(layers.length, 1);
  });

  it("has nothing pushed before its command ran, because existing files belong to another run", async (context) => {
    const pod = await testPod(context);
    writeFileSync(join(pod.share, "direct"), "old\n");
    writeFileSync(join(pod.share, "oras-operator-init-failed.txt"), "");
    const launcher = pod.start("launcher", ["--input", "in", "--output", join(pod.share, "direct"), "--", "true"]);
    assert.equal((await launcher.ended).code, 66);
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended).code, 66);
    assert.deepEqual(tags(pod), []);
  });

  it("exits with the code of the application, even if the push fails too", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["--wait-push", "--", "sh", "-c", "exit 3"]);
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1"), "--failed-run", "discard"]);
    assert.equal((await sidecar.ended).code, 0);
    const { code, stderr } = await launcher.ended;
    assert.equal(code, 3);
    assert.match(stderr, /the outputs were not pushed \(the run failed, and --failed-run is set to discard\)/);
    assert.deepEqual(tags(pod), []);
  });

  it("exits with 75 if the sidecar has no reference to push to", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["--wait-push", "--", "true"]);
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", "NA"]).ended).code, 0);
    assert.equal((await launcher.ended).code, 75);
  });
});

describe("a dying sidecar", { timeout: 180_000 }, () => {
  /** Starts a sidecar and kills it during its first request, which the registry does not answer. */
  async function dyingSidecar(pod: TestPod, args: readonly string[]): Promise<void> {
    const requested = Promise.withResolvers<void>();
    pod.registry.intercept(() => {
      requested.resolve();
      return true;
    });
    const sidecar = pod.start("oras-push", ["sidecar", ...args]);
    await requested.promise;
    sidecar.child.kill("SIGKILL");
    await sidecar.ended;
    pod.registry.intercept(undefined);
  }
  const waitingLauncher = (pod: TestPod, exit: number, seconds: number) =>
    pod.start("launcher", ["--wait-push", "--sidecar-timeout", `${seconds}`, "--", "sh", "-c", `exit ${exit}`]);

  for (const seconds of [0, 1])
    it(`ends a launcher that waits for the push with 75 after ${seconds} s`, async (context) => {
      const pod = await testPod(context);
      const launcher = waitingLauncher(pod, 0, seconds);
      await dyingSidecar(pod, ["NA", pod.reference("t:1")]);
      const { code, stderr } = await launcher.ended;
      assert.equal(code, 75);
      const why = `the sidecar ended, and no new sidecar started within ${seconds} s`;
      assert.ok(stderr.endsWith(`\nlauncher: the outputs were not pushed (${why})\n`), stderr);
      assert.ok(!existsSync(join(pod.share, LEASE)), "the launcher did not release its lease");
    });

  it("does not hide the exit code of a failed application", async (context) => {
    const pod = await testPod(context);
    const launcher = waitingLauncher(pod, 3, 0);
    await dyingSidecar(pod, ["NA", pod.reference("t:1")]);
    assert.equal((await launcher.ended).code, 3);
  });

  it("ends a launcher that waits for inputs with 66, and the command does not run", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["--sidecar-timeout", "1", "--input", "in", "--", "touch", "witness"]);
    await dyingSidecar(pod, [pod.reference("in:1"), "NA"]);
    const { code, stderr } = await launcher.ended;
    assert.equal(code, 66);
    assert.match(stderr, /\nlauncher: cannot run the command: the inputs were not pulled \(the sidecar ended, /);
    assert.ok(!existsSync(join(pod.folder, "witness")));
  });

  it("is awaited by the launcher if it restarts in time", async (context) => {
    const pod = await testPod(context);
    const launcher = waitingLauncher(pod, 0, 60);
    await dyingSidecar(pod, ["NA", pod.reference("t:1")]);
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended).code, 0);
    assert.equal((await launcher.ended).code, 0);
    assert.deepEqual(tags(pod), ["t:1"]);
  });

  it("is not awaited by a launcher that starts after its push", async (context) => {
    const pod = await testPod(context);
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]);
    assert.equal((await waitingLauncher(pod, 0, 60).ended).code, 0);
    assert.equal((await sidecar.ended).code, 0);
    assert.equal((await waitingLauncher(pod, 0, 0).ended).code, 75);
  });
});

describe("SIGTERM to a launcher that waits for its inputs", { timeout: 180_000 }, () => {
  it("ends it with 143 soon, and the application does not start", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["--input", "in", "--", "touch", "witness"]);
    await waitForOutput(launcher, "/oras-operator-init.txt");
    const sent = performance.now();
    launcher.child.kill("SIGTERM");
    assert.equal((await launcher.ended).code, 143);
    assert.ok(performance.now() - sent < 20_000);
    assert.ok(!existsSync(join(pod.folder, "witness")));
    assert.ok(!existsSync(join(pod.share, LEASE)), "the launcher did not release its lease");
  });
});

describe("markers of an earlier attempt", { timeout: 180_000 }, () => {
  it("are ignored: the sidecar pushes the output of the running launcher", async (context) => {
    const pod = await testPod(context);
    const output = ["--output", join(pod.share, "direct")];
    await pod.start("launcher", [...output, "--", "sh", "-c", "echo old > share/direct"]).ended;
    const old = JSON.parse(readFileSync(join(pod.share, DONE), "utf8")).attempt;
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]);
    const script = "until [ -e go ]; do sleep 0.05; done; echo new > share/direct";
    const launcher = pod.start("launcher", [...output, "--", "sh", "-c", script]);
    await waitForIdleSidecar(sidecar);
    writeFileSync(join(pod.folder, "go"), "");
    assert.equal((await launcher.ended).code, 0);
    assert.equal((await sidecar.ended).code, 0);
    assert.notEqual(manifest(pod, "t:1").annotations[`${ANNOTATION}.attempt`], old);
  });

  it("are removed in order, the started marker first", async (context) => {
    const pod = await testPod(context);
    const started = join(pod.share, "oras-operator-started.txt");
    writeFileSync(started, "");
    mkdirSync(join(pod.share, DONE));
    const { code, stderr } = await pod.start("launcher", ["--", "true"]).ended;
    assert.equal(code, 73);
    assert.ok(stderr.endsWith(`cannot remove the old marker ${join(pod.share, DONE)} (it is a directory)\n`), stderr);
    assert.equal(existsSync(started), false);
  });

  it("and its copies are removed before a launcher that dies saves any", async (context) => {
    const pod = await testPod(context);
    mkdirSync(join(pod.folder, "copied"));
    await pod.start("launcher", ["--output", "copied", "--", "true"]).ended;
    assert.deepEqual(readdirSync(join(pod.share, "outputs")), ["copied"]);
    await (await pod.startSleepingLauncher(["--output", "copied"])).kill();
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended).code, 79);
    assert.equal(
      manifest(pod, "t:1-incomplete").layers.length,
      1,
      "expected only the output of the second application",
    );
  });
});

describe("invalid markers of the application", { timeout: 180_000, concurrency: true }, () => {
  const DEEP = "[".repeat(1_000_000);
  const makers: Readonly<Record<string, (path: string) => void>> = {
    "a FIFO": (path) => execFileSync("mkfifo", [path]),
    "a folder": (path) => void mkdirSync(path),
    "a device": (path) => symlinkSync("/dev/zero", path),
    "a link to itself": (path) => symlinkSync(basename(path), path),
    "2 MB": (path) => writeFileSync(path, " ".repeat(2_000_000)),
  };
  for (const [what, make] of Object.entries(makers))
    it(`end the sidecar and a waiting launcher with 66 and the path: ${what}`, async (context) => {
      const pod = await testPod(context);
      make(join(pod.share, DONE));
      const sidecar = await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended;
      assert.equal(sidecar.code, 66);
      assert.ok(sidecar.stderr.includes(join(pod.share, DONE)), sidecar.stderr);
      rmSync(join(pod.share, INIT));
      rmSync(join(pod.share, DONE), { recursive: true });
      make(join(pod.share, INIT));
      const launcher = await pod.start("launcher", ["--input", "in", "--", "touch", "witness"]).ended;
      assert.equal(launcher.code, 66);
      assert.ok(launcher.stderr.includes(join(pod.share, INIT)), launcher.stderr);
      assert.equal(existsSync(join(pod.folder, "witness")), false);
      assert.deepEqual(tags(pod), []);
    });

  for (const [what, text] of [
    ["deep JSON", DEEP],
    ["binary data", "\u{0}\u{ff}"],
    ["half a marker", '{"schema": 1, "exitCode": 0'],
  ] as const)
    it(`do not count as a marker yet: ${what}`, async (context) => {
      const pod = await testPod(context);
      writeFileSync(join(pod.share, DONE), text);
      const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1"), "--timeout", "1"]);
      assert.equal((await sidecar.ended).code, 124);
      assert.deepEqual(tags(pod), []);
    });
});

describe("a sidecar", { timeout: 180_000 }, () => {
  it("exits with 124 if no launcher starts in time", async (context) => {
    const pod = await testPod(context);
    const { code, stderr } = await pod.start("oras-push", [
      "sidecar",
      "NA",
      pod.reference("t:1"),
      "--start-timeout",
      "0.2",
    ]).ended;
    assert.equal(code, 124);
    assert.match(stderr, /the application did not start: timed out after 0.2 s\n$/);
  });

  it("does not apply the start timeout to a running application", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["--", "sh", "-c", "until [ -e go ]; do sleep 0.05; done"]);
    await waitForPath(join(pod.share, LEASE));
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1"), "--start-timeout", "0.5"]);
    await waitForIdleSidecar(sidecar);
    // The start timeout of 0.5 s began before this sleep of 0.6 s. So the timeout has passed when the sleep ends.
    await sleep(600);
    await waitUntilIdle(sidecar.pid);
    writeFileSync(join(pod.folder, "go"), "");
    assert.equal((await sidecar.ended).code, 0);
    await launcher.ended;
  });

  it("refuses the output of a failed run as an input, unless --allow-failed-inputs is set", async (context) => {
    const pod = await testPod(context);
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]);
    const output = ["--output", join(pod.share, "direct")];
    await pod.start("launcher", [...output, "--", "sh", "-c", "echo content > share/direct; exit 3"]).ended;
    assert.equal((await sidecar.ended).code, 0);
    const consumer = await testPod(context);
    const launcher = consumer.start("launcher", ["in", "NA", "touch", "witness"]);
    const refusing = await consumer.start("oras-push", ["sidecar", pod.reference("t:1-failed"), "NA"]).ended;
    assert.equal(refusing.code, 66);
    assert.match(
      refusing.stderr,
      /t:1-failed cannot be used as an input \(it is the output of a run that failed with exit code 3\)\nhint: use --allow/,
    );
    const { code, stderr } = await launcher.ended;
    assert.equal(code, 66);
    assert.match(stderr, /were not pulled.*failed with exit code 3/);
    const taking = consumer.start("oras-push", ["sidecar", "--allow-failed-inputs", pod.reference("t:1-failed"), "NA"]);
    await waitForPath(join(consumer.share, INIT));
    assert.equal((await consumer.start("launcher", ["in", "NA", "cat", "in/direct"]).ended).stdout, "content\n");
    assert.equal((await taking.ended).code, 0);
  });

  it("pulls the inputs, and nothing else, when it restarts after a failed pull", async (context) => {
    const pod = await testPod(context);
    writeFileSync(join(pod.folder, "input.txt"), "content\n");
    await pod.start("oras-push", [pod.reference("in:1"), "input.txt"]).ended;
    pod.registry.intercept((_, response) => {
      refuse(response, 404, "BLOB_UNKNOWN", "gone");
      return true;
    });
    assert.equal((await pod.start("oras-push", ["sidecar", pod.reference("in:1"), "NA"]).ended).code, 76);
    pod.registry.intercept(undefined);
    // A killed pull leaves such a folder.
    mkdirSync(join(pod.share, "inputs", ".oras-push-0123456789ab"), { recursive: true });
    const sidecar = pod.start("oras-push", ["sidecar", pod.reference("in:1"), "NA"]);
    await waitForPath(join(pod.share, INIT));
    const { code, stdout } = await pod.start("launcher", ["in", "NA", "ls", "-A", "in"]).ended;
    assert.deepEqual({ code, stdout }, { code: 0, stdout: "input.txt\n" });
    assert.equal((await sidecar.ended).code, 0);
  });

  it("pushes only the new attempt if the launcher restarts during a push", async (context) => {
    const pod = await testPod(context);
    const output = ["--output", join(pod.share, "direct")];
    await pod.start("launcher", [...output, "--", "sh", "-c", "echo old > share/direct; exit 3"]).ended;
    const upload = Promise.withResolvers<void>();
    const restarted = Promise.withResolvers<void>();
    pod.registry.intercept(async ({ method }) => {
      if (method === "PUT") {
        upload.resolve();
        await restarted.promise;
      }
      return false;
    });
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]);
    await upload.promise;
    const launcher = pod.start("launcher", [...output, "--", "sh", "-c", "echo new > share/direct"]);
    assert.equal((await launcher.ended).code, 0);
    restarted.resolve();
    const { code, stderr } = await sidecar.ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /skipped the push of attempt .*: the launcher started again/);
    assert.deepEqual(tags(pod), ["t:1"]);
  });

  it("pushes everything when it restarts after a death during the push", async (context) => {
    const pod = await testPod(context);
    const output = ["--output", join(pod.share, "direct")];
    await pod.start("launcher", [...output, "--", "sh", "-c", "echo content > share/direct"]).ended;
    const upload = Promise.withResolvers<void>();
    pod.registry.intercept(({ method }) => {
      if (method === "PUT") upload.resolve();
      return method === "PUT";
    });
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]);
    await upload.promise;
    sidecar.child.kill("SIGKILL");
    await sidecar.ended;
    assert.deepEqual(tags(pod), []);
    pod.registry.intercept(undefined);
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended).code, 0);
    assert.deepEqual(tags(pod), ["t:1"]);
  });
});

describe("--only-if", { timeout: 180_000 }, () => {
  it("disables launcher and sidecar if the condition is false", async (context) => {
    const pod = await testPod(context);
    const env = { JOB_COMPLETION_INDEX: "1", ORAS_ONLY_IF: "JOB_COMPLETION_INDEX=0" };
    const launcher = await pod.start("launcher", ["in", "out", "sh", "-c", "echo hi; exit 7"], env).ended;
    assert.deepEqual([launcher.code, launcher.stdout], [7, "hi\n"]);
    const sidecar = await pod.start("oras-push", ["sidecar", pod.reference("none:1"), pod.reference("t:1")], env).ended;
    assert.equal(sidecar.code, 0, sidecar.stderr);
    assert.deepEqual(readdirSync(pod.share), []);
    assert.equal(pod.registry.requests.length, 0);
  });

  it("changes nothing if the condition is true", async (context) => {
    const pod = await testPod(context);
    const env = { JOB_COMPLETION_INDEX: "0", ORAS_ONLY_IF: "JOB_COMPLETION_INDEX=0" };
    await pod.start("launcher", ["--", "true"], env).ended;
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")], env).ended).code, 0);
    assert.deepEqual(tags(pod), ["t:1"]);
  });
});

describe("a native sidecar", { timeout: 180_000 }, () => {
  const pushed = /Pushed|Digest/;
  const native = (pod: TestPod) => pod.start("oras-push", ["sidecar", "--native", "NA", pod.reference("t:1")]);
  const result = async (sidecar: RunningProcess) =>
    void (await once(sidecar.child.stdout as NodeJS.ReadableStream, "data"));

  it("satisfies the startup probe with its init marker, stays after the push, and exits with 0 on SIGTERM", async (context) => {
    const pod = await testPod(context);
    const probe = () => pod.start("wait-fs", ["-p", join(pod.share, INIT), "--timeout", "0", "-q"]).ended;
    assert.equal((await probe()).code, 124);
    const sidecar = native(pod);
    await waitForPath(join(pod.share, INIT));
    assert.equal((await probe()).code, 0);
    const first = result(sidecar);
    await pod.start("launcher", ["--", "true"]).ended;
    await first;
    sidecar.child.kill("SIGTERM");
    const { code, stdout } = await sidecar.ended;
    assert.equal(code, 0);
    assert.match(stdout, pushed);
  });

  it("changes nothing after a restart", async (context) => {
    const pod = await testPod(context);
    await pod.start("launcher", ["--", "true"]).ended;
    for (const _ of ["it", "its restart"]) {
      const sidecar = native(pod);
      await result(sidecar);
      sidecar.child.kill("SIGTERM");
      assert.equal((await sidecar.ended).code, 0);
    }
    assert.equal(pod.registry.requests.filter(({ url }) => url.includes("/manifests/")).length, 1);
  });

  it("pushes every attempt of a restarted launcher", async (context) => {
    const pod = await testPod(context);
    const sidecar = native(pod);
    for (const exit of [3, 0]) {
      const next = result(sidecar);
      await pod.start("launcher", ["--", "sh", "-c", `exit ${exit}`]).ended;
      await next;
    }
    sidecar.child.kill("SIGTERM");
    assert.equal((await sidecar.ended).code, 0);
    assert.deepEqual(tags(pod), ["t:1", "t:1-failed"]);
  });

  it("treats SIGTERM without a done marker as the death of the application", async (context) => {
    const pod = await testPod(context);
    const sidecar = await waitingSidecar(pod, ["--native", "NA", pod.reference("t:1")]);
    mkdirSync(join(pod.share, "outputs"));
    writeFileSync(join(pod.share, "outputs", "left"), "content\n");
    sidecar.child.kill("SIGTERM");
    const { code, stderr } = await sidecar.ended;
    assert.equal(code, 79);
    assert.match(stderr, /^oras-push: no launcher started before the pod terminated\nhint: the pod was deleted/m);
    assert.deepEqual(tags(pod), ["t:1-incomplete"]);
    const { annotations } = manifest(pod, "t:1-incomplete");
    assert.equal(annotations[`${ANNOTATION}.reason`], "no launcher started before the pod terminated");
  });

  it("pushes nothing if the pod is deleted before a launcher started", async (context) => {
    const pod = await testPod(context);
    const sidecar = await waitingSidecar(pod, ["--native", "NA", pod.reference("t:1")]);
    sidecar.child.kill("SIGTERM");
    const { code, stderr } = await sidecar.ended;
    assert.equal(code, 79);
    assert.match(stderr, /^oras-push: no launcher started before the pod terminated$/m);
    assert.doesNotMatch(stderr, /launcher died|the run/);
    assert.deepEqual(tags(pod), []);
  });

  it("waits for a launcher that saves outputs while the pod terminates", async (context) => {
    const pod = await testPod(context);
    const sidecar = native(pod);
    const script = "trap 'echo saved > share/direct; exit 0' TERM; touch ready; while :; do sleep 0.05; done";
    const launcher = pod.start("launcher", ["--output", join(pod.share, "direct"), "--", "sh", "-c", script]);
    await waitForPath(join(pod.folder, "ready"));
    await waitForLeaseReaders(pod.share);
    sidecar.child.kill("SIGTERM");
    launcher.child.kill("SIGTERM");
    assert.equal((await launcher.ended).code, 0);
    assert.equal((await sidecar.ended).code, 0);
    assert.deepEqual(tags(pod), ["t:1"]);
    const { annotations } = manifest(pod, "t:1");
    const recorded = ["exit-code", "reason"].map((name) => annotations[`${ANNOTATION}.${name}`]);
    assert.deepEqual(recorded, ["0", "terminated"]);
    const consumer = await testPod(context);
    consumer.start("oras-push", ["sidecar", pod.reference("t:1"), "NA"]);
    await waitForPath(join(consumer.share, INIT));
  });

  it("pushes the outputs of a dead launcher, stays, and exits with 79", async (context) => {
    const pod = await testPod(context);
    const sidecar = native(pod);
    const launcher = await pod.startSleepingLauncher();
    await waitForLeaseReaders(pod.share);
    const first = result(sidecar);
    await launcher.kill();
    await first;
    sidecar.child.kill("SIGTERM");
    assert.equal((await sidecar.ended).code, 79);
    assert.deepEqual(tags(pod), ["t:1-incomplete"]);
  });

  it("writes the init marker and stays if --only-if is false", async (context) => {
    const pod = await testPod(context);
    const sidecar = pod.start("oras-push", ["sidecar", "--native", "NA", pod.reference("t:1")], {
      ORAS_ONLY_IF: "RANK=0",
    });
    await waitForPath(join(pod.share, INIT));
    sidecar.child.kill("SIGTERM");
    const { code, signal, stderr } = await sidecar.ended;
    assert.deepEqual([code, signal], [0, null], stderr);
  });
});

describe("launcher and sidecar of two users", {
  skip: process.getuid?.() === 0 ? false : "needs root",
  timeout: 180_000,
}, () => {
  it("observe each other's lease and files, whatever the umask", async (context) => {
    const pod = await testPod(context);
    for (const folder of [pod.folder, pod.share]) chmodSync(folder, 0o777);
    const as = (user: number, tool: "launcher" | "oras-push", args: readonly string[]): RunningProcess => {
      const script = 'umask 077; exec setpriv --reuid "$0" --regid "$0" --clear-groups "$@"';
      const env = { ORAS_SHARE: pod.share, PATH: process.env.PATH };
      const running = start("sh", ["-c", script, String(user), sharedToolPath(tool), ...args], {
        cwd: pod.folder,
        env,
      });
      context.after(() => void running.child.kill("SIGKILL"));
      return running;
    };
    const sidecar = as(1000, "oras-push", ["sidecar", "NA", pod.reference("t:1")]);
    const launcher = as(65532, "launcher", ["NA", "analysis", "sh", "-c", "mkdir analysis; echo a > analysis/file"]);
    assert.equal((await launcher.ended).code, 0);
    const { code, stderr } = await sidecar.ended;
    assert.equal(code, 0, stderr);
    const dying = as(65532, "launcher", ["NA", "analysis", "sleep", "1"]);
    const watcher = as(1000, "oras-push", ["sidecar", "NA", pod.reference("t:1")]);
    await waitForLeaseReaders(pod.share);
    dying.child.kill("SIGKILL");
    assert.equal((await watcher.ended).code, 79);
    assert.deepEqual(tags(pod), ["t:1"]);
  });
});
