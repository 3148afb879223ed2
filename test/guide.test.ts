/**
 * Tests of the code that finds and runs the guide's commands and compares their output. These tests need no cluster.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { ROOT } from "../support/paths.ts";
import {
  changedText,
  EXCEPTIONS,
  exceptionsOf,
  FILE_CHANGES,
  runnableScript,
  skipReason,
} from "./support/guide/exceptions.ts";
import { hasShape } from "./support/guide/shape.ts";
import { walkthroughSteps } from "./support/guide/steps.ts";
import { Terminal, untilOutput } from "./support/guide/terminal.ts";
import { MANIFESTS } from "./support/kubernetes.ts";
import { temporaryFolder } from "./support/temporary.ts";

const GUIDE = readFileSync(join(ROOT, "docs", "guide.md"), "utf8");

const LOG = `Uploading bb973f09c924 a
Uploading 409ef956364c b
Uploaded  409ef956364c b
Uploaded  bb973f09c924 a
Pushed [registry] localhost:5000/metric/hwloc:iter-0
Digest: sha256:${"0".repeat(64)}
wait-fs: 2026/11/26 21:09:58 /mnt/oras/oras-operator-done.txt
pod hwloc-0-l6vrr ran for 1m5s
`;

/** A page with a walkthrough. */
function pageOf(...lines: readonly string[]): string {
  return ["## Try it on one machine", ...lines, "## Options by task", "```sh", "other", "```"].join("\n");
}

function openTerminal(t: TestContext): Terminal {
  const folder = temporaryFolder(t);
  const cwd = join(folder, "work");
  mkdirSync(cwd);
  const env = { PATH: process.env.PATH };
  const terminal = new Terminal({ cwd, env, folder: join(folder, "terminal"), wrap: (command) => command });
  t.after(() => terminal.close());
  return terminal;
}

describe("the steps of a walkthrough", () => {
  it("are its blocks of commands, with the output below, and the commands in its sentences", () => {
    const text = ["Type `kubectl get", "pods` or read `file`:", "", "```yaml", "a: b", "```"];
    const page = pageOf("```sh", "ls", "pwd", "```", "```console", "a", "```", ...text, "```sh", "last", "```");
    assert.deepEqual(walkthroughSteps(page), [
      { line: 3, script: "ls\npwd", output: "a" },
      { line: 9, script: "kubectl get pods" },
      { line: 16, script: "last" },
    ]);
  });

  it("do not accept an output without commands directly above it", () => {
    const output = ["```console", "a", "```"];
    assert.throws(() => walkthroughSteps(pageOf("Text", ...output)), /^Error: line 4: there are no commands/);
    assert.throws(() => walkthroughSteps(pageOf("```sh", "ls", "```", "Text", ...output)), /line 7/);
  });

  it("need the sections of the guide", () => {
    assert.throws(() => walkthroughSteps("# Guide"), /has no walkthrough/);
  });

  it("are never in blocks that look like others", () => {
    assert.throws(() => walkthroughSteps(pageOf("```bash", "ls", "```")), /^Error: line 3: unexpected bash$/);
    assert.throws(() => walkthroughSteps(pageOf("- item", "  ```sh", "  ls", "  ```")), /contains an indented block$/);
  });

  it("include every command of the guide's walkthrough", () => {
    const walkthrough = GUIDE.slice(GUIDE.indexOf("\n## Try it"), GUIDE.indexOf("\n## Options by task"));
    const blocks = [...walkthrough.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = ""]) => text.trimEnd());
    const scripts = walkthroughSteps(GUIDE).map(({ script }) => script);
    assert.ok(blocks.length > 25);
    assert.deepEqual(
      blocks.filter((block) => !scripts.includes(block)),
      [],
    );
  });
});

describe("the exceptions", () => {
  it("are lines of the guide", () => {
    const used = new Set(walkthroughSteps(GUIDE).flatMap(exceptionsOf));
    const unused = EXCEPTIONS.filter((exception) => !used.has(exception));
    assert.deepEqual(unused, []);
  });

  it("skip a step only if no line is left, and no other action replaces it", () => {
    const reasonOf = (script: string) => skipReason({ line: 1, script });
    assert.match(reasonOf("kind create cluster") || "", /^the test starts and stops its own cluster$/);
    assert.equal(reasonOf("kind create cluster\nls"), false);
    assert.equal(reasonOf("kubectl apply --server-side -f https://host/jobset/v1/manifests.yaml"), false);
  });

  it("leave the other lines of a step", () => {
    assert.equal(runnableScript({ line: 1, script: "kind create cluster\nkubectl get nodes" }), "kubectl get nodes");
    assert.equal(runnableScript({ line: 1, script: "kind create clusters" }), "kind create clusters");
  });

  it("change text that the manifests contain", () => {
    for (const change of FILE_CHANGES)
      assert.ok(changedText(readFileSync(join(MANIFESTS, change.file), "utf8"), change).includes(change.to));
    assert.throws(() => changedText("a", { file: "f", from: "b", to: "c", reason: "" }), /f does not contain "b"/);
  });
});

describe("the shape of an output", () => {
  it("allows other digests, times, durations, suffixes and columns", () => {
    const other = LOG.replaceAll("bb973f09c924", "abcdefabcdef")
      .replace("0".repeat(64), "1".repeat(64))
      .replace("2026/11/26 21:09:58", "2027/01/02 01:02:03")
      .replace("l6vrr", "k9ztb")
      .replace("1m5s", "14s")
      .replace("pod ", "pod   ");
    assert.ok(hasShape(other, LOG));
  });

  it("allows the layers, and the lines on stdout and stderr, in another order", () => {
    const lines = LOG.split("\n");
    const other = [...lines.slice(4, 6), lines[1], lines[0], lines[3], lines[2], ...lines.slice(6)];
    assert.ok(hasShape(other.join("\n"), LOG));
  });

  it("does not allow other texts, and missing, additional or exchanged lines", () => {
    for (const other of [
      LOG.replace("iter-0", "iter-0-failed"),
      LOG.replace(/^Digest.*\n/m, ""),
      LOG.replace(/^wait-fs.*\n/m, ""),
      LOG.replace("Uploaded  409ef956364c b\n", ""),
      `${LOG}more\n`,
      `more\n${LOG}`,
      LOG.replace(/^(wait-fs.*\n)(pod.*\n)/m, "$2$1"),
      "",
    ])
      assert.ok(!hasShape(other, LOG), other);
  });

  it("allows any lines at an omission", () => {
    for (const output of ["a\nb\nc\n", "a\nx\ny\nb\nz\nc\n", "a\nb\nb\nc"])
      assert.ok(hasShape(output, "a\n...\nb\n...\nc"), output);
    for (const output of ["a\nc\n", "b\na\nc\n", "a\nb\nc\nd\n", "x\na\nb\nc"])
      assert.ok(!hasShape(output, "a\n...\nb\n...\nc"), output);
    assert.ok(hasShape("x\na\n", "...\na"));
    assert.ok(hasShape("a\nx\n", "a\n..."));
    assert.ok(!hasShape("a", "...\na\n...\na\n..."));
  });
});

describe("a terminal", () => {
  it("keeps folder, variables and background processes between commands", async (t) => {
    const terminal = openTerminal(t);
    await terminal.type("mkdir folder && cd folder\nname=value\nsleep 100 &\nsleeping=$!").ended;
    const typed = terminal.type('basename "$PWD"\necho "$name" >&2\nkill $sleeping');
    await typed.ended;
    assert.equal(typed.output(), "folder\nvalue\n");
  });

  it("stops at the first command that fails, and reports the output", async (t) => {
    const failing = openTerminal(t).type("echo before\nfalse\necho after");
    await assert.rejects(failing.ended, { message: "the shell ended with 1:\nbefore\n" });
    await assert.rejects(openTerminal(t).type("false | cat").ended, /the shell ended with 1/);
  });

  it("waits for the output of an endless command, and ends the command with Ctrl-C", async (t) => {
    const terminal = openTerminal(t);
    const typed = terminal.type('trap "echo interrupted; exit" INT\necho ready\nsleep 100');
    await untilOutput(typed, (output) => output === "ready\n", 30);
    await terminal.interrupt();
    assert.equal(typed.output(), "ready\ninterrupted\n");
  });

  it("does not wait for the output of a command that has ended", async (t) => {
    await assert.rejects(
      untilOutput(openTerminal(t).type("echo a"), (output) => output === "b", 30),
      /:\na\n$/,
    );
    await assert.rejects(
      untilOutput(openTerminal(t).type("exit 3"), (output) => output === "b", 30),
      /with 3/,
    );
  });
});
