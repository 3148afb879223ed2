/** Every way that a container of a pod can die: nobody hangs, and nothing is taken for a success. */
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
import { refuse } from "../../support/registry/memory-registry.ts";
import { type Running, start, toolPath } from "../../support/tools.ts";
import { appears, type TestPod, testPod, watched } from "../support/pod.ts";

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

/** Waits until a process has said something on stderr. */
async function says({ child }: Running, text: RegExp): Promise<void> {
  for (let said = ""; !text.test(said); )
    [said] = [said + (await once(child.stderr as NodeJS.ReadableStream, "data"))[0]];
}

/** Starts a sidecar and waits until it waits for the launcher. */
async function waitingSidecar(pod: TestPod, args: readonly string[]): Promise<Running> {
  const sidecar = pod.start("oras-push", ["sidecar", ...args]);
  await says(sidecar, /oras-operator-done\.txt does not exist yet|wait-fs: .*oras-operator-done\.txt/);
  return sidecar;
}

describe("a launcher that dies", { timeout: 60_000 }, () => {
  it("is noticed within a second; what is there is pushed as incomplete, and the sidecar ends with 79", async (context) => {
    const pod = await testPod(context);
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]);
    const launcher = await pod.startStaying();
    await watched(pod.share);
    const killed = performance.now();
    launcher.child.kill("SIGKILL");
    const { code, stdout, stderr } = await sidecar.ended;
    assert.ok(performance.now() - killed < 1000, `${performance.now() - killed} ms`);
    assert.equal(code, 79, stderr);
    assert.match(stderr, /^oras-push: the launcher died before it finished\nhint: .*\n$/m);
    assert.match(stdout, /^Pushed \[registry\] \S+\/metric\/t:1-incomplete\n/);
    assert.deepEqual(tags(pod), ["t:1-incomplete"]);
    const { annotations } = manifest(pod, "t:1-incomplete");
    assert.equal(annotations[`${ANNOTATION}.incomplete`], "true");
    assert.equal(annotations[`${ANNOTATION}.reason`], "the launcher died");
  });

  it("leaves nothing in the registry with --incomplete-run discard, and the sidecar ends with 79", async (context) => {
    const pod = await testPod(context);
    await (await pod.startStaying()).die();
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1"), "--incomplete-run", "discard"]);
    assert.equal((await sidecar.ended).code, 79);
    assert.deepEqual(tags(pod), []);
  });

  it("before the sidecar was there is noticed by the lease that it left; a restart pushes nothing again", async (context) => {
    const pod = await testPod(context);
    await (await pod.startStaying()).die();
    for (const _ of ["the sidecar", "its restart"])
      assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended).code, 79);
    assert.deepEqual(tags(pod), ["t:1-incomplete"]);
    assert.equal(pod.registry.requests.filter(({ url }) => url.includes("/manifests/")).length, 1);
  });

  it("after the done marker has done all that is wanted of it", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["--wait-push", "--", "true"]);
    await appears(join(pod.share, DONE));
    launcher.child.kill("SIGKILL");
    await launcher.ended;
    assert.ok(existsSync(join(pod.share, LEASE)), "its lease is left");
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended).code, 0);
    assert.deepEqual(tags(pod), ["t:1"]);
  });

  it("ends a wait-fs that watches its lease with 79", async (context) => {
    const pod = await testPod(context);
    const launcher = await pod.startStaying();
    const waiter = pod.start("wait-fs", ["-p", "never", "--alive", join(pod.share, LEASE)]);
    await watched(pod.share);
    await launcher.die();
    assert.equal((await waiter.ended).code, 79);
  });
});

describe("wait-fs --alive", { timeout: 60_000 }, () => {
  it("finds what the launcher wrote last, 20 times in a race with the end of the lease", async (context) => {
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

describe("a launcher that fails itself", { timeout: 60_000 }, () => {
  it("has what is there pushed as incomplete, with the reason; the sidecar ends with 66", async (context) => {
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

  it("before the command ran has nothing pushed: what lies there is another run's", async (context) => {
    const pod = await testPod(context);
    writeFileSync(join(pod.share, "direct"), "old\n");
    writeFileSync(join(pod.share, "oras-operator-init-failed.txt"), "");
    const launcher = pod.start("launcher", ["--input", "in", "--output", join(pod.share, "direct"), "--", "true"]);
    assert.equal((await launcher.ended).code, 66);
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended).code, 66);
    assert.deepEqual(tags(pod), []);
  });

  it("keeps the application's own code, though the push that it waits for fails too", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["--wait-push", "--", "sh", "-c", "exit 3"]);
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1"), "--failed-run", "discard"]);
    assert.equal((await sidecar.ended).code, 0);
    const { code, stderr } = await launcher.ended;
    assert.equal(code, 3);
    assert.match(stderr, /the outputs were not pushed \(the run failed, and such are discarded\)/);
    assert.deepEqual(tags(pod), []);
  });

  it("does not wait for a push that will never be: 75 where the sidecar pushes nowhere", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["--wait-push", "--", "true"]);
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", "NA"]).ended).code, 0);
    assert.equal((await launcher.ended).code, 75);
  });
});

describe("a sidecar that dies", { timeout: 60_000 }, () => {
  /** Starts a sidecar and kills it in its first request of the registry, which is never answered. */
  async function dyingSidecar(pod: TestPod, args: readonly string[]): Promise<void> {
    const asked = Promise.withResolvers<void>();
    pod.registry.intercept(() => {
      asked.resolve();
      return true;
    });
    const sidecar = pod.start("oras-push", ["sidecar", ...args]);
    await asked.promise;
    sidecar.child.kill("SIGKILL");
    await sidecar.ended;
    pod.registry.intercept(undefined);
  }
  const waitingLauncher = (pod: TestPod, exit: number, seconds: number) =>
    pod.start("launcher", ["--wait-push", "--sidecar-timeout", `${seconds}`, "--", "sh", "-c", `exit ${exit}`]);

  for (const seconds of [0, 1])
    it(`for good ends a launcher that waits for the push with 75 after ${seconds} s`, async (context) => {
      const pod = await testPod(context);
      const launcher = waitingLauncher(pod, 0, seconds);
      await dyingSidecar(pod, ["NA", pod.reference("t:1")]);
      const { code, stderr } = await launcher.ended;
      assert.equal(code, 75);
      const why = `the sidecar is gone, and no other took its place within ${seconds} s`;
      assert.ok(stderr.endsWith(`\nlauncher: the outputs were not pushed (${why})\n`), stderr);
      assert.ok(!existsSync(join(pod.share, LEASE)), "the launcher's lease is given back");
    });

  it("for good does not mask the code of an application that failed", async (context) => {
    const pod = await testPod(context);
    const launcher = waitingLauncher(pod, 3, 0);
    await dyingSidecar(pod, ["NA", pod.reference("t:1")]);
    assert.equal((await launcher.ended).code, 3);
  });

  it("for good before it brought the inputs ends the launcher with 66, and the command is not run", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["--sidecar-timeout", "1", "--input", "in", "--", "touch", "witness"]);
    await dyingSidecar(pod, [pod.reference("in:1"), "NA"]);
    const { code, stderr } = await launcher.ended;
    assert.equal(code, 66);
    assert.match(stderr, /\nlauncher: the inputs could not be brought, the command is not run \(the sidecar is gone, /);
    assert.ok(!existsSync(join(pod.folder, "witness")));
  });

  it("and is started again in time has lost nothing: the launcher waits for it", async (context) => {
    const pod = await testPod(context);
    const launcher = waitingLauncher(pod, 0, 60);
    await dyingSidecar(pod, ["NA", pod.reference("t:1")]);
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended).code, 0);
    assert.equal((await launcher.ended).code, 0);
    assert.deepEqual(tags(pod), ["t:1"]);
  });

  it("after its push, or that ended, is not waited for by a launcher that starts later", async (context) => {
    const pod = await testPod(context);
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]);
    assert.equal((await waitingLauncher(pod, 0, 60).ended).code, 0);
    assert.equal((await sidecar.ended).code, 0);
    assert.equal((await waitingLauncher(pod, 0, 0).ended).code, 75);
  });
});

describe("SIGTERM to a launcher that waits for its inputs", { timeout: 60_000 }, () => {
  it("ends it with 143 within a second, and the application is never started", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["--input", "in", "--", "touch", "witness"]);
    await says(launcher, /wait-fs: .*oras-operator-init\.txt/);
    const sent = performance.now();
    launcher.child.kill("SIGTERM");
    assert.equal((await launcher.ended).code, 143);
    assert.ok(performance.now() - sent < 1000);
    assert.ok(!existsSync(join(pod.folder, "witness")));
    assert.ok(!existsSync(join(pod.share, LEASE)), "its lease is given back");
  });
});

describe("markers of an earlier attempt", { timeout: 60_000 }, () => {
  it("are not taken for this one's: what is pushed is what the launcher that is running leaves", async (context) => {
    const pod = await testPod(context);
    const output = ["--output", join(pod.share, "direct")];
    await pod.start("launcher", [...output, "--", "sh", "-c", "echo old > share/direct"]).ended;
    const old = JSON.parse(readFileSync(join(pod.share, DONE), "utf8")).attempt;
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]);
    const launcher = pod.start("launcher", [...output, "--", "sh", "-c", "sleep 2; echo new > share/direct"]);
    assert.equal((await launcher.ended).code, 0);
    assert.equal((await sidecar.ended).code, 0);
    assert.notEqual(manifest(pod, "t:1").annotations[`${ANNOTATION}.attempt`], old);
  });

  it("are taken back in their order, the started marker first: what is left of them is no attempt's", async (context) => {
    const pod = await testPod(context);
    const started = join(pod.share, "oras-operator-started.txt");
    writeFileSync(started, "");
    mkdirSync(join(pod.share, DONE));
    const { code, stderr } = await pod.start("launcher", ["--", "true"]).ended;
    assert.equal(code, 73);
    assert.ok(stderr.endsWith(`cannot remove the old marker ${join(pod.share, DONE)} (it is a directory)\n`), stderr);
    assert.equal(existsSync(started), false);
  });

  it("and its copies are gone when a launcher dies before it saved any", async (context) => {
    const pod = await testPod(context);
    mkdirSync(join(pod.folder, "copied"));
    await pod.start("launcher", ["--output", "copied", "--", "true"]).ended;
    assert.deepEqual(readdirSync(join(pod.share, "outputs")), ["copied"]);
    await (await pod.startStaying(["--output", "copied"])).die();
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended).code, 79);
    assert.equal(manifest(pod, "t:1-incomplete").layers.length, 1, "what the second one's application wrote");
  });
});

describe("what the application puts in a marker's place", { timeout: 60_000, concurrency: true }, () => {
  const DEEP = "[".repeat(1_000_000);
  const makers: Readonly<Record<string, (path: string) => void>> = {
    "a FIFO": (path) => execFileSync("mkfifo", [path]),
    "a folder": (path) => void mkdirSync(path),
    "a device": (path) => symlinkSync("/dev/zero", path),
    "a link to itself": (path) => symlinkSync(basename(path), path),
    "2 MB": (path) => writeFileSync(path, " ".repeat(2_000_000)),
  };
  for (const [what, make] of Object.entries(makers))
    it(`keeps nobody: ${what} ends the sidecar and a waiting launcher with 66, by name`, async (context) => {
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
    ["no text", "\u{0}\u{ff}"],
    ["half a marker", '{"schema": 1, "exitCode": 0'],
  ] as const)
    it(`${what} is not yet a marker`, async (context) => {
      const pod = await testPod(context);
      writeFileSync(join(pod.share, DONE), text);
      const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1"), "--timeout", "1"]);
      assert.equal((await sidecar.ended).code, 124);
      assert.deepEqual(tags(pod), []);
    });
});

describe("a sidecar", { timeout: 60_000 }, () => {
  it("ends with 124 where no launcher started in time", async (context) => {
    const pod = await testPod(context);
    const { code, stderr } = await pod.start("oras-push", [
      "sidecar",
      "NA",
      pod.reference("t:1"),
      "--start-timeout",
      "0.2",
    ]).ended;
    assert.equal(code, 124);
    assert.match(stderr, /the application never started: timed out after 0.2 s\n$/);
  });

  it("does not count the application's time as the start's", async (context) => {
    const pod = await testPod(context);
    const launcher = pod.start("launcher", ["--", "sleep", "2"]);
    await appears(join(pod.share, LEASE));
    const sidecar = pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1"), "--start-timeout", "1"]);
    assert.equal((await sidecar.ended).code, 0);
    await launcher.ended;
  });

  it("refuses the output of a run that failed as an input, says so to the launcher, and takes it where it may", async (context) => {
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
      /t:1-failed is no input \(it is the output of a run that failed with exit code 3\)\nhint: --allow-failed-inputs/,
    );
    const { code, stderr } = await launcher.ended;
    assert.equal(code, 66);
    assert.match(stderr, /could not be brought.*failed with exit code 3/);
    const taking = consumer.start("oras-push", ["sidecar", "--allow-failed-inputs", pod.reference("t:1-failed"), "NA"]);
    await appears(join(consumer.share, INIT));
    assert.equal((await consumer.start("launcher", ["in", "NA", "cat", "in/direct"]).ended).stdout, "content\n");
    assert.equal((await taking.ended).code, 0);
  });

  it("that is started again after a failed pull brings the inputs, and nothing else", async (context) => {
    const pod = await testPod(context);
    writeFileSync(join(pod.folder, "input.txt"), "content\n");
    await pod.start("oras-push", [pod.reference("in:1"), "input.txt"]).ended;
    pod.registry.intercept((_, response) => {
      refuse(response, 404, "BLOB_UNKNOWN", "gone");
      return true;
    });
    assert.equal((await pod.start("oras-push", ["sidecar", pod.reference("in:1"), "NA"]).ended).code, 76);
    pod.registry.intercept(undefined);
    // What a pull leaves behind that is killed.
    mkdirSync(join(pod.share, "inputs", ".oras-push-0123456789ab"), { recursive: true });
    const sidecar = pod.start("oras-push", ["sidecar", pod.reference("in:1"), "NA"]);
    await appears(join(pod.share, INIT));
    const { code, stdout } = await pod.start("launcher", ["in", "NA", "ls", "-A", "in"]).ended;
    assert.deepEqual({ code, stdout }, { code: 0, stdout: "input.txt\n" });
    assert.equal((await sidecar.ended).code, 0);
  });

  it("pushes nothing of an attempt whose launcher starts again meanwhile, but the new one's output", async (context) => {
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
    assert.match(stderr, /nothing is pushed of the attempt .*: the launcher started again/);
    assert.deepEqual(tags(pod), ["t:1"]);
  });

  it("that is killed during its push pushes all of it when it is started again", async (context) => {
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

  it("never pushes its own files: an output that leads out of the volume is refused", async (context) => {
    const pod = await testPod(context);
    writeFileSync(join(pod.folder, "secret"), "secret\n");
    const outputs = [{ path: "../secret", files: 1, bytes: 7 }];
    writeFileSync(join(pod.share, DONE), JSON.stringify({ schema: 1, exitCode: 0, outputs }));
    const { code, stderr } = await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")]).ended;
    assert.equal(code, 66);
    assert.match(stderr, /\/secret lies outside of the shared volume/);
    assert.deepEqual(tags(pod), []);
  });
});

describe("--only-if that is not met", { timeout: 60_000 }, () => {
  it("makes the launcher just run the command, and the sidecar end at once", async (context) => {
    const pod = await testPod(context);
    const env = { JOB_COMPLETION_INDEX: "1", ORAS_ONLY_IF: "JOB_COMPLETION_INDEX=0" };
    const launcher = await pod.start("launcher", ["in", "out", "sh", "-c", "echo hi; exit 7"], env).ended;
    assert.deepEqual([launcher.code, launcher.stdout], [7, "hi\n"]);
    const sidecar = await pod.start("oras-push", ["sidecar", pod.reference("none:1"), pod.reference("t:1")], env).ended;
    assert.equal(sidecar.code, 0, sidecar.stderr);
    assert.deepEqual(readdirSync(pod.share), []);
    assert.equal(pod.registry.requests.length, 0);
  });

  it("that is met changes nothing", async (context) => {
    const pod = await testPod(context);
    const env = { JOB_COMPLETION_INDEX: "0", ORAS_ONLY_IF: "JOB_COMPLETION_INDEX=0" };
    await pod.start("launcher", ["--", "true"], env).ended;
    assert.equal((await pod.start("oras-push", ["sidecar", "NA", pod.reference("t:1")], env).ended).code, 0);
    assert.deepEqual(tags(pod), ["t:1"]);
  });
});

describe("a native sidecar", { timeout: 60_000 }, () => {
  const pushed = /Pushed|Digest/;
  const native = (pod: TestPod) => pod.start("oras-push", ["sidecar", "--native", "NA", pod.reference("t:1")]);
  const result = async (sidecar: Running) => void (await once(sidecar.child.stdout as NodeJS.ReadableStream, "data"));

  it("lets the pod start by its init marker, stays after the push, and ends with 0 at SIGTERM", async (context) => {
    const pod = await testPod(context);
    const probe = () => pod.start("wait-fs", ["-p", join(pod.share, INIT), "--timeout", "0", "-q"]).ended;
    assert.equal((await probe()).code, 124);
    const sidecar = native(pod);
    await appears(join(pod.share, INIT));
    assert.equal((await probe()).code, 0);
    const first = result(sidecar);
    await pod.start("launcher", ["--", "true"]).ended;
    await first;
    sidecar.child.kill("SIGTERM");
    const { code, stdout } = await sidecar.ended;
    assert.equal(code, 0);
    assert.match(stdout, pushed);
  });

  it("that is started again changes nothing", async (context) => {
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

  it("pushes every attempt of a launcher that is started again", async (context) => {
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

  it("takes SIGTERM without a done marker for the application's death", async (context) => {
    const pod = await testPod(context);
    const sidecar = await waitingSidecar(pod, ["--native", "NA", pod.reference("t:1")]);
    mkdirSync(join(pod.share, "outputs"));
    writeFileSync(join(pod.share, "outputs", "left"), "content\n");
    sidecar.child.kill("SIGTERM");
    const { code, stderr } = await sidecar.ended;
    assert.equal(code, 79);
    assert.match(stderr, /^oras-push: no launcher had shown itself when the pod ended\nhint: the pod was deleted/m);
    assert.deepEqual(tags(pod), ["t:1-incomplete"]);
    const { annotations } = manifest(pod, "t:1-incomplete");
    assert.equal(annotations[`${ANNOTATION}.reason`], "no launcher had shown itself when the pod ended");
  });

  it("whose pod is deleted before a launcher started says so, and pushes nothing", async (context) => {
    const pod = await testPod(context);
    const sidecar = await waitingSidecar(pod, ["--native", "NA", pod.reference("t:1")]);
    sidecar.child.kill("SIGTERM");
    const { code, stderr } = await sidecar.ended;
    assert.equal(code, 79);
    assert.match(stderr, /^oras-push: no launcher had shown itself when the pod ended$/m);
    assert.doesNotMatch(stderr, /launcher died|the run/);
    assert.deepEqual(tags(pod), []);
  });

  it("waits for a launcher that is still saving when the pod ends", async (context) => {
    const pod = await testPod(context);
    const sidecar = native(pod);
    const script = "trap 'echo saved > share/direct; exit 0' TERM; touch ready; while :; do sleep 0.05; done";
    const launcher = pod.start("launcher", ["--output", join(pod.share, "direct"), "--", "sh", "-c", script]);
    await appears(join(pod.folder, "ready"));
    await watched(pod.share);
    sidecar.child.kill("SIGTERM");
    launcher.child.kill("SIGTERM");
    assert.equal((await launcher.ended).code, 0);
    assert.equal((await sidecar.ended).code, 0);
    assert.deepEqual(tags(pod), ["t:1"]);
    const { annotations } = manifest(pod, "t:1");
    const told = ["exit-code", "reason"].map((name) => annotations[`${ANNOTATION}.${name}`]);
    assert.deepEqual(told, ["0", "terminated"]);
    const consumer = await testPod(context);
    consumer.start("oras-push", ["sidecar", pod.reference("t:1"), "NA"]);
    await appears(join(consumer.share, INIT));
  });

  it("pushes what a launcher left that died, and stays; the end tells of it", async (context) => {
    const pod = await testPod(context);
    const sidecar = native(pod);
    const launcher = await pod.startStaying();
    await watched(pod.share);
    const first = result(sidecar);
    await launcher.die();
    await first;
    sidecar.child.kill("SIGTERM");
    assert.equal((await sidecar.ended).code, 79);
    assert.deepEqual(tags(pod), ["t:1-incomplete"]);
  });

  it("that is not wanted lets the pod start, and stays", async (context) => {
    const pod = await testPod(context);
    const sidecar = pod.start("oras-push", ["sidecar", "--native", "NA", pod.reference("t:1")], {
      ORAS_ONLY_IF: "RANK=0",
    });
    await appears(join(pod.share, INIT));
    sidecar.child.kill("SIGTERM");
    const { code, signal, stderr } = await sidecar.ended;
    assert.deepEqual([code, signal], [0, null], stderr);
  });
});

describe("launcher and sidecar of two users", {
  skip: process.getuid?.() === 0 ? false : "needs root",
  timeout: 60_000,
}, () => {
  it("know of each other, whatever the umask: alive, dead, and what was saved", async (context) => {
    const pod = await testPod(context);
    for (const folder of [pod.folder, pod.share]) chmodSync(folder, 0o777);
    const as = (user: number, tool: "launcher" | "oras-push", args: readonly string[]): Running => {
      const script = 'umask 077; exec setpriv --reuid "$0" --regid "$0" --clear-groups "$@"';
      const env = { ORAS_SHARE: pod.share, PATH: process.env.PATH };
      const running = start("sh", ["-c", script, String(user), toolPath(tool), ...args], { cwd: pod.folder, env });
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
    await watched(pod.share);
    dying.child.kill("SIGKILL");
    assert.equal((await watcher.ended).code, 79);
    assert.deepEqual(tags(pod), ["t:1"]);
  });
});
