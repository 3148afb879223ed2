import assert from "node:assert/strict";
import { resolve } from "node:path";
import { describe, it } from "node:test";
import { DEFAULT_GRACE_SECONDS, type LaunchPlan, launchPlan, USAGE } from "launcher/options";
import { parseCommandLine } from "shared/cli/command-line";
import { ToolError } from "shared/cli/tool-error";

async function plan(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<LaunchPlan> {
  return launchPlan(await parseCommandLine(USAGE, argv, env));
}

const DEFAULTS: LaunchPlan = {
  share: "/mnt/oras",
  input: undefined,
  outputs: [],
  allowMissingOutput: false,
  outputPipe: undefined,
  logs: false,
  command: ["true"],
  initTimeoutSeconds: undefined,
  sidecarTimeoutSeconds: 360,
  timeoutSeconds: undefined,
  graceSeconds: DEFAULT_GRACE_SECONDS,
  onlyIf: undefined,
  waitPush: false,
  quiet: false,
};

describe("the form with --", () => {
  it("has defaults for all but the command", async () => {
    assert.deepEqual(await plan(["--", "true"]), DEFAULTS);
  });

  it("every option reaches the plan", async () => {
    const argv = ["--share", "share", "--input", "in", "--output", "a", "--output", "b/c", "--allow-missing-output"];
    const more = [
      "--init-timeout",
      "1",
      "--timeout",
      "2.5",
      "--sidecar-timeout",
      "0",
      "--grace",
      "0",
      "--output-pipe=out.txt",
      "--logs",
      "--wait-push",
      "-q",
      "--",
      "true",
    ];
    assert.deepEqual(await plan([...argv, ...more]), {
      share: resolve("share"),
      input: "in",
      outputs: ["a", "b/c"],
      allowMissingOutput: true,
      outputPipe: "out.txt",
      logs: true,
      command: ["true"],
      initTimeoutSeconds: 1,
      sidecarTimeoutSeconds: 0,
      timeoutSeconds: 2.5,
      graceSeconds: 0,
      onlyIf: undefined,
      waitPush: true,
      quiet: true,
    } satisfies LaunchPlan);
  });

  it("every option can come from the environment", async () => {
    const env = {
      ORAS_SHARE: "/share",
      ORAS_INPUT: "/in",
      ORAS_OUTPUT: "/a\n/b",
      ORAS_ALLOW_MISSING_OUTPUT: "true",
      ORAS_INIT_TIMEOUT: "1",
      ORAS_SIDECAR_TIMEOUT: "60",
      ORAS_TIMEOUT: "2",
      ORAS_GRACE: "3",
      ORAS_WAIT_PUSH: "yes",
      ORAS_QUIET: "1",
      ORAS_OUTPUT_PIPE: "out.txt",
      ORAS_LOGS: "on",
    };
    assert.deepEqual(await plan(["--", "true"], env), {
      share: "/share",
      input: "/in",
      outputs: ["/a", "/b"],
      allowMissingOutput: true,
      outputPipe: "out.txt",
      logs: true,
      command: ["true"],
      initTimeoutSeconds: 1,
      sidecarTimeoutSeconds: 60,
      timeoutSeconds: 2,
      graceSeconds: 3,
      onlyIf: undefined,
      waitPush: true,
      quiet: true,
    } satisfies LaunchPlan);
  });

  it("the command keeps its arguments, whatever they look like", async () => {
    const command = ["app", "NA", "-q", "--", "--share", "", "a b", "*", "\n"];
    assert.deepEqual((await plan(["--", ...command])).command, command);
  });

  it("NA is a path like any other there", async () => {
    assert.deepEqual((await plan(["--output", "NA", "--", "NA"])).outputs, ["NA"]);
  });
});

describe("the operator's form", () => {
  it("names input, output and command by their places", async () => {
    const { input, outputs, command } = await plan(["/in", "/out", "app", "--", "-q", "NA"]);
    assert.deepEqual(
      { input, outputs, command },
      { input: "/in", outputs: ["/out"], command: ["app", "--", "-q", "NA"] },
    );
  });

  it("NA is none", async () => {
    assert.deepEqual(await plan(["NA", "NA", "true"]), DEFAULTS);
  });

  it("options stand before it, and --output adds to its output", async () => {
    const { input, outputs, quiet } = await plan(["-q", "--output", "/b", "--input", "/in", "NA", "/a", "true"]);
    assert.deepEqual({ input, outputs, quiet }, { input: "/in", outputs: ["/a", "/b"], quiet: true });
  });
});

describe("what cannot be done", () => {
  const refused: readonly [readonly string[], RegExp][] = [
    [[], /^no command to run$/],
    [["--"], /^no command to run$/],
    [["--", ""], /^no command to run$/],
    [["NA", "NA", ""], /^no command to run$/],
    [["out.txt", "NA", "NA", "true"], /^NA is no command; an output pipe .* --output-pipe FILE$/],
    [["NA"], /^an input, an output and a command are due$/],
    [["NA", "--", "true"], /^"--" is not a path/],
    [["NA", "NA"], /^an input, an output and a command are due$/],
    [["", "NA", "true"], /^a path is empty; write NA for none$/],
    [["NA", "", "true"], /^a path is empty; write NA for none$/],
    [["--output", "/", "--", "true"], /^"\/" cannot be an output$/],
    [["--output=", "--", "true"], /^"" cannot be an output$/],
    [["--output", "a/x", "--output", "b/x/", "--", "true"], /^two outputs are named "x"$/],
    [["--output", "x", "NA", "/x", "true"], /^two outputs are named "x"$/],
  ];
  for (const [argv, pattern] of refused)
    it(`${JSON.stringify(argv)} is a usage failure`, async () => {
      await assert.rejects(plan(argv), (error) => {
        assert.ok(error instanceof ToolError);
        assert.equal(error.exitCode, 64);
        assert.match(error.message, pattern);
        return true;
      });
    });
});
