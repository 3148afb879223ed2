/** The two containers of a pod, as two processes with one shared folder. The tests run with every registry. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type ProcessResult, runTool, startTool } from "../../support/tools.ts";
import { ORAS_SKIP, oras } from "../support/clients.ts";
import { REGISTRIES } from "../support/registries.ts";
import { temporaryFolder } from "../support/temporary.ts";

for (const kind of REGISTRIES) {
  describe(`a pod with ${kind.name}`, { skip: kind.skip }, () => {
    const folder = temporaryFolder({ after });
    let registry: Awaited<ReturnType<typeof kind.start>>;
    let pods = 0;

    before(async () => {
      registry = await kind.start(folder);
    });
    after(() => registry.close());

    /** Runs launcher and sidecar at the same time on a new volume. */
    async function runPod(launcher: readonly string[], sidecar: readonly string[]) {
      const share = join(folder, `share-${pods++}`);
      mkdirSync(share);
      const options = { cwd: folder, env: { ORAS_SHARE: share, PATH: process.env.PATH } };
      const beside = startTool("oras-push", ["sidecar", ...sidecar], options);
      const [launched, pushed] = await Promise.all([runTool("launcher", launcher, options), beside.ended]);
      return { launched, pushed, share };
    }

    const reference = (name: string) => `${registry.address}/metric/${name}`;
    const saved = (tag: string) => join(folder, tag, "analysis", "x y");
    async function pull(name: string, tag: string): Promise<ProcessResult> {
      return runTool("oras-push", ["pull", reference(`${name}:${tag}`), "-o", tag], { cwd: folder });
    }

    it("saves the output of the application, and both exit with 0", async () => {
      const output = join(folder, "out-1", "analysis");
      const script = `mkdir -p ${output}; echo "a  b" > "${output}/x y"`;
      const { launched, pushed } = await runPod(["NA", output, "sh", "-c", script], ["NA", reference("t:1")]);
      assert.equal(launched.code, 0, launched.stderr);
      assert.equal(pushed.code, 0, pushed.stderr);
      assert.match(pushed.stdout, /^Pushed \[registry\] \S+\/metric\/t:1\nDigest: sha256:[0-9a-f]{64}\n$/);
      assert.equal((await pull("t", "1")).code, 0);
      assert.equal(readFileSync(saved("1"), "utf8"), "a  b\n");
    });

    it("saves the output of a failed run to a separate tag, with its exit code", async () => {
      const output = join(folder, "out-2", "analysis");
      const script = `mkdir -p ${output}; echo "a  b" > "${output}/x y"; exit 3`;
      const { launched, pushed, share } = await runPod(["NA", output, "sh", "-c", script], ["NA", reference("f:2")]);
      assert.equal(launched.code, 3);
      assert.equal(pushed.code, 0, pushed.stderr);
      assert.equal(JSON.parse(readFileSync(join(share, "oras-operator-done.txt"), "utf8")).exitCode, 3);
      assert.equal((await pull("f", "2")).code, 76, "the requested tag exists");
      assert.equal((await pull("f", "2-failed")).code, 0);
      assert.equal(readFileSync(saved("2-failed"), "utf8"), "a  b\n");
    });

    it("records the exit code of a failed run for oras", { skip: ORAS_SKIP }, async () => {
      const manifest = JSON.parse(await oras(["manifest", "fetch", "--plain-http", reference("f:2-failed")], folder));
      assert.equal(manifest.annotations["dev.oras-pod-tools.run.exit-code"], "3");
    });

    it("passes the artifacts of two steps to the next one, including dotfiles", async () => {
      writeFileSync(join(folder, "one.txt"), "one\n");
      mkdirSync(join(folder, "two"));
      writeFileSync(join(folder, "two", ".hidden"), "two\n");
      for (const name of ["one.txt", "two"])
        assert.equal((await runTool("oras-push", [reference(`in:${name}`), name], { cwd: folder })).code, 0);
      const input = join(folder, "input");
      const output = join(folder, "sum.txt");
      const { launched, pushed } = await runPod(
        [input, output, "sh", "-c", `cat ${input}/one.txt ${input}/two/.hidden > ${output}`],
        ["--pull-from", reference("in:two"), reference("in:one.txt"), reference("sum:1")],
      );
      assert.equal(launched.code, 0, launched.stderr);
      assert.equal(pushed.code, 0, pushed.stderr);
      await runTool("oras-push", ["pull", reference("sum:1"), "-o", "sum"], { cwd: folder });
      assert.equal(readFileSync(join(folder, "sum", "sum.txt"), "utf8"), "one\ntwo\n");
    });

    it("does not run the application if an input cannot be pulled", async () => {
      const witness = join(folder, "witness");
      const { launched, pushed } = await runPod(
        [join(folder, "in"), "NA", "touch", witness],
        [reference("missing:1"), reference("never:1")],
      );
      assert.equal(launched.code, 66);
      assert.match(launched.stderr, /the inputs were not pulled .*cannot find the input \S+\/metric\/missing:1/);
      assert.equal(pushed.code, 76);
      assert.throws(() => readFileSync(witness), { code: "ENOENT" });
    });

    it("waits for the push with --wait-push", async () => {
      const output = join(folder, "waited.txt");
      const { launched, share } = await runPod(
        ["--wait-push", "--output", output, "--", "sh", "-c", `echo hi > ${output}`],
        ["NA", reference("waited:1")],
      );
      assert.equal(launched.code, 0, launched.stderr);
      const marker = JSON.parse(readFileSync(join(share, "oras-operator-pushed.txt"), "utf8"));
      assert.equal(marker.reference, reference("waited:1"));
    });
  });
}
