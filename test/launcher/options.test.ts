import assert from "node:assert/strict";
import { resolve } from "node:path";
import { describe, it } from "node:test";
import type { LaunchPlan } from "launcher/launch-plan";
import { installPlan, launchPlan } from "launcher/options";
import { DEFAULT_GRACE_SECONDS, USAGE } from "launcher/usage";
import { parseCommandLine } from "shared/cli/command-line";
import { ToolError } from "shared/cli/tool-error";

async function plan(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<LaunchPlan> {
  return launchPlan(await parseCommandLine(USAGE, argv, env));
}

const DEFAULTS: LaunchPlan = {
  share: "/mnt/oras",
  input: undefined,
  skipDone: false,
  checkpoints: [],
  checkpointSeconds: 300,
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

  it("puts every option into the plan", async () => {
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
      skipDone: false,
      checkpoints: [],
      checkpointSeconds: 300,
      outputs: [{ path: "a" }, { path: "b/c" }],
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

  it("takes every option from the environment", async () => {
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
      skipDone: false,
      checkpoints: [],
      checkpointSeconds: 300,
      outputs: [{ path: "/a" }, { path: "/b" }],
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

  it("keeps the arguments of the command, whatever they are", async () => {
    const command = ["app", "NA", "-q", "--", "--share", "", "a b", "*", "\n"];
    assert.deepEqual((await plan(["--", ...command])).command, command);
  });

  it("takes NA as a path", async () => {
    assert.deepEqual((await plan(["--output", "NA", "--", "NA"])).outputs, [{ path: "NA" }]);
  });
});

describe("the media type of an output", () => {
  it("follows the last colon, if it is a media type with a known first part", async () => {
    const outputs = [
      "a.csv:text/csv",
      "*.xyz:chemical/x-xyz",
      "runs-10:30/out",
      "a:b",
      "c:application/json:text/plain",
    ];
    const argv = outputs.flatMap((output) => ["--output", output]);
    assert.deepEqual((await plan([...argv, "--", "true"])).outputs, [
      { path: "a.csv", mediaType: "text/csv" },
      { path: "*.xyz", mediaType: "chemical/x-xyz" },
      { path: "runs-10:30/out" },
      { path: "a:b" },
      { path: "c:application/json", mediaType: "text/plain" },
    ]);
  });
});

describe("the operator's form", () => {
  it("has the input, the output and the command in this order", async () => {
    const { input, outputs, command } = await plan(["/in", "/out", "app", "--", "-q", "NA"]);
    assert.deepEqual(
      { input, outputs, command },
      { input: "/in", outputs: [{ path: "/out" }], command: ["app", "--", "-q", "NA"] },
    );
  });

  it("takes NA as none", async () => {
    assert.deepEqual(await plan(["NA", "NA", "true"]), DEFAULTS);
  });

  it("accepts options before it, and adds --output to its output", async () => {
    const { input, outputs, quiet } = await plan(["-q", "--output", "/b", "--input", "/in", "NA", "/a", "true"]);
    assert.deepEqual(
      { input, outputs, quiet },
      { input: "/in", outputs: [{ path: "/a" }, { path: "/b" }], quiet: true },
    );
  });
});

describe("an invalid command line", () => {
  const invalid: readonly [readonly string[], RegExp][] = [
    [[], /^no command to run$/],
    [["--"], /^no command to run$/],
    [["--", ""], /^no command to run$/],
    [["NA", "NA", ""], /^no command to run$/],
    [["out.txt", "NA", "NA", "true"], /^NA is not a command; if there is an output pipe, write --output-pipe FILE$/],
    [["NA"], /^expected INPUT OUTPUT COMMAND or -- COMMAND$/],
    [["NA", "--", "true"], /^"--" is not a path/],
    [["NA", "NA"], /^expected INPUT OUTPUT COMMAND or -- COMMAND$/],
    [["", "NA", "true"], /^a path must not be empty; write NA for none$/],
    [["NA", "", "true"], /^a path must not be empty; write NA for none$/],
    [["--output", "/", "--", "true"], /^"\/" cannot be an output$/],
    [["--output=", "--", "true"], /^--output must not be empty$/],
    [["--share", "", "--", "true"], /^--share must not be empty$/],
    [["--input=", "--", "true"], /^--input must not be empty$/],
    [["--output-pipe=", "--", "true"], /^--output-pipe must not be empty$/],
    [["NA", "sh", "-c", "echo hi"], /^"-c" is not a command$/],
    [["NA", "out", "--", "sh"], /^"--" is not a command$/],
    [["--output", "a/x", "--output", "b/x/", "--", "true"], /^two outputs are named "x"$/],
    [["--output", "a/x:text/csv", "--output", "b/x", "--", "true"], /^two outputs are named "x"$/],
    [["--output", ":text/csv", "--", "true"], /^"" cannot be an output$/],
    [["--output", "x", "NA", "/x", "true"], /^two outputs are named "x"$/],
    [["--checkpoint-every", "9", "--", "true"], /^--checkpoint-every needs --checkpoint$/],
  ];
  for (const [argv, pattern] of invalid)
    it(`is a usage failure: ${JSON.stringify(argv)}`, async () => {
      await assert.rejects(plan(argv), (error) => {
        assert.ok(error instanceof ToolError);
        assert.equal(error.exitCode, 64);
        assert.match(error.message, pattern);
        return true;
      });
    });
});

describe("a word with a dash in the place of the command", () => {
  for (const [argv, hint] of [
    [["NA", "sh", "-c", "echo hi"], "launcher NA NA sh -c ..."],
    [["/in", "out", "--", "sh", "-c"], "launcher /in out sh ..."],
    [["NA", "out", "--"], "launcher NA out COMMAND ..."],
  ] as const)
    it(`gets a hint with the right form: ${argv.join(" ")}`, async () => {
      await assert.rejects(plan(argv), { hint: `expected ARTIFACT-INPUT ARTIFACT-OUTPUT COMMAND: ${hint}` });
    });
});

describe("an installation", () => {
  const install = async (argv: readonly string[]) => installPlan(await parseCommandLine(USAGE, argv, {}));

  it("has a folder, and the folder's path in the container that runs the tools", async () => {
    assert.deepEqual(await install(["--install", "bin"]), { folder: resolve("bin"), mountedAt: resolve("bin") });
    assert.deepEqual(await install(["--install", "/a", "--mounted-at", "/b/../c"]), { folder: "/a", mountedAt: "/c" });
  });

  it("is undefined for a command", async () => {
    assert.equal(await install(["--", "true"]), undefined);
  });

  const invalid: readonly [readonly string[], RegExp][] = [
    [["--install", "a", "--", "true"], /^--install takes no command$/],
    [["--install="], /^--install must not be empty$/],
    [["--install", "a", "--mounted-at", "b"], /^--mounted-at must be an absolute path, not "b"$/],
    [["--mounted-at", "/b", "--", "true"], /^--mounted-at needs --install$/],
    [["--install", `/${"x".repeat(4032)}`], /^the folder's path must have at most 4032 bytes, not 4033$/],
  ];
  for (const [argv, pattern] of invalid)
    it(`is a usage failure: ${argv.join(" ").slice(0, 40)}`, async () => {
      await assert.rejects(install(argv), { code: "usage", message: pattern });
    });
});
