/**
 * The launcher and the sidecar run as two users. The sidecar pushes the files that it can read, and names the other
 * files.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it, type TestContext } from "node:test";
import { type DoneMarker, parseDoneMarker, SHARE } from "shared/pod/markers";
import { type MemoryRegistry, startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { type RunningProcess, runTool, sharedToolPath, start, type Tool } from "../../support/tools.ts";
import { waitForPath } from "../support/pod.ts";
import { temporaryFolder } from "../support/temporary.ts";

const APPLICATION = 1000;
const SIDECAR = 65532;
const REASON = "dev.oras-pod-tools.run.reason";

describe("launcher and sidecar as two users", {
  skip: process.getuid?.() === 0 ? false : "only root can run processes as other users",
  timeout: 60_000,
}, () => {
  const folder = temporaryFolder({ after });
  let registry: MemoryRegistry;
  let pods = 0;
  let pod = "";
  let share = "";

  before(async () => {
    chmodSync(folder, 0o755);
    registry = await startMemoryRegistry();
  });
  after(() => registry.close());
  beforeEach(() => {
    pod = join(folder, `pod-${pods++}`);
    share = join(pod, "share");
    for (const path of [pod, share]) {
      mkdirSync(path);
      chmodSync(path, 0o777);
    }
  });

  const reference = (tag: string) => `${registry.address}/users/${pod.split("/").at(-1)}:${tag}`;

  /** Starts a tool as a user, with umask 077. */
  function startAs(t: TestContext, user: number, tool: Tool, args: readonly string[]): RunningProcess {
    const script = 'umask 077; exec setpriv --reuid "$0" --regid "$0" --clear-groups "$@"';
    const options = { cwd: pod, env: { ORAS_SHARE: share, PATH: process.env.PATH } };
    const running = start("sh", ["-c", script, String(user), sharedToolPath(tool), ...args], options);
    t.after(() => void running.child.kill("SIGKILL"));
    return running;
  }

  /** Runs launcher and sidecar at the same time. */
  async function runPod(t: TestContext, launcher: readonly string[], sidecar: readonly string[]) {
    const running = [
      startAs(t, APPLICATION, "launcher", launcher),
      startAs(t, SIDECAR, "oras-push", ["sidecar", ...sidecar]),
    ] as const;
    const [launched, pushed] = await Promise.all([running[0].ended, running[1].ended]);
    return { launched, pushed };
  }

  async function pull(tag: string): Promise<string> {
    const target = join(pod, `pulled-${tag}`);
    const { code, stderr } = await runTool("oras-push", ["pull", reference(tag), "-o", target], { cwd: pod });
    assert.equal(code, 0, stderr);
    return target;
  }

  function manifestOf(tag: string) {
    const key = reference(tag).slice(registry.address.length + 1);
    const { bytes } = registry.manifests.get(key) ?? assert.fail(`no tag ${key}`);
    return JSON.parse(bytes.toString()) as {
      readonly annotations: Record<string, string>;
      readonly layers: readonly { readonly mediaType: string; readonly annotations: Record<string, string> }[];
    };
  }

  const doneFailed = (): DoneMarker =>
    parseDoneMarker(readFileSync(join(share, SHARE.doneFailed), "utf8")) ?? assert.fail("no valid marker");
  const tags = () => [...registry.manifests.keys()].filter((key) => key.startsWith(`users/${pod.split("/").at(-1)}:t`));

  for (const [place, output] of [
    ["on the volume", "share/out"],
    ["outside of the volume", "out"],
  ] as const)
    it(`pushes the readable part of an output ${place}, and names the rest in log, marker and artifact`, async (t) => {
      // The file `secret` belongs to root and has the mode 600, so neither the launcher nor the sidecar can read it.
      mkdirSync(join(pod, output));
      chmodSync(join(pod, output), 0o777);
      writeFileSync(join(pod, output, "secret"), "3", { mode: 0o600 });
      const script = `mkdir ${output}/sub; echo 1 > ${output}/one; echo 2 > ${output}/sub/two`;
      const { launched, pushed } = await runPod(
        t,
        ["--output", output, "--output", "second", "--", "sh", "-c", `${script}; echo 4 > second`],
        ["NA", reference("t")],
      );
      assert.equal(launched.code, 66, launched.stderr);
      assert.equal(pushed.code, 66, pushed.stderr);
      assert.equal(tags().length, 1, `only the incomplete tag exists: ${pushed.stderr} ${launched.stderr}`);
      const pulled = await pull("t-incomplete");
      const text = (name: string) => readFileSync(join(pulled, name), "utf8");
      assert.deepEqual(["out/one", "out/sub/two", "second"].map(text), ["1\n", "2\n", "4\n"]);
      assert.throws(() => text("out/secret"), { code: "ENOENT" });
      assert.match(launched.stderr, /secret \(permission denied\)/);
      assert.deepEqual(
        doneFailed().missing?.map(({ path }) => path.endsWith("/out/secret")),
        [true],
      );
      assert.match(manifestOf("t-incomplete").annotations[REASON] ?? "", /out\/secret \(permission denied\)/);
    });

  it("pushes all of an output on the volume that umask 077 hides from the sidecar", async (t) => {
    const script = "mkdir -p share/out/sub; echo 1 > share/out/one; echo 2 > share/out/sub/two";
    const { launched, pushed } = await runPod(
      t,
      ["--wait-push", "--output", "share/out", "--", "sh", "-c", script],
      ["NA", reference("t")],
    );
    assert.equal(launched.code, 0, launched.stderr);
    assert.equal(pushed.code, 0, pushed.stderr);
    assert.equal(readFileSync(join(await pull("t"), "out", "sub", "two"), "utf8"), "2\n");
  });

  it("pushes the readable part of what a killed launcher left, and names the rest", async (t) => {
    const script =
      "mkdir share/out; chmod 755 share/out; umask 022; echo 1 > share/out/one; umask 077; echo 2 > share/out/two; touch ready; sleep 30";
    const launcher = startAs(t, APPLICATION, "launcher", ["--output", "share/out", "--", "sh", "-c", script]);
    const sidecar = startAs(t, SIDECAR, "oras-push", ["sidecar", "NA", reference("t")]);
    await waitForPath(join(pod, "ready"));
    launcher.child.kill("SIGKILL");
    const { code, stderr } = await sidecar.ended;
    assert.equal(code, 79, stderr);
    assert.match(stderr, /cannot read \S+share\/out\/two \(permission denied\)/);
    const pulled = await pull("t-incomplete");
    assert.equal(readFileSync(join(pulled, "out", "one"), "utf8"), "1\n");
    assert.throws(() => readFileSync(join(pulled, "out", "two")), { code: "ENOENT" });
    const reason = manifestOf("t-incomplete").annotations[REASON] ?? "";
    assert.match(reason, /^the launcher died; cannot read \S+share\/out\/two \(permission denied\)$/);
  });

  it("passes an input with mode 0700 to the application", async (t) => {
    mkdirSync(join(pod, "closed"), { mode: 0o700 });
    const pushed = await runTool("oras-push", [reference("in"), "closed"], { cwd: pod });
    assert.equal(pushed.code, 0, pushed.stderr);
    const script = "test -d in/closed && echo ok > out";
    const ends = await runPod(
      t,
      ["--input", "in", "--output", "out", "--", "sh", "-c", script],
      [reference("in"), reference("t")],
    );
    assert.deepEqual([ends.launched.code, ends.pushed.code], [0, 0], ends.launched.stderr + ends.pushed.stderr);
  });

  it("gives layers the media types of --output, and does not push an empty log", async (t) => {
    const script = "echo a,b > a.csv; echo 1 > x.xyz; echo 2 > y.xyz; mkdir out; echo hi";
    const outputs = ["a.csv:text/csv", "*.xyz:chemical/x-xyz", "out"].flatMap((output) => ["--output", output]);
    const { launched, pushed } = await runPod(
      t,
      ["--logs", ...outputs, "--", "sh", "-c", script],
      ["NA", reference("t")],
    );
    assert.deepEqual([launched.code, pushed.code], [0, 0], launched.stderr + pushed.stderr);
    const layers = manifestOf("t").layers.map((layer) => [
      layer.annotations["org.opencontainers.image.title"],
      layer.mediaType,
    ]);
    assert.deepEqual(layers, [
      ["a.csv", "text/csv"],
      ["x.xyz", "chemical/x-xyz"],
      ["y.xyz", "chemical/x-xyz"],
      ["out", "application/vnd.oci.image.layer.v1.tar+gzip"],
      ["stdout.log", "application/vnd.oci.image.layer.v1.tar"],
    ]);
  });
});
