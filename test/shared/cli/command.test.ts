import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Command, runCommand } from "shared/cli/command";
import type { OptionSpecs } from "shared/cli/option-specs";
import { ToolError } from "shared/cli/tool-error";
import { type Usage, usageError } from "shared/cli/usage";

const USAGE = {
  name: "tool",
  summary: "do things",
  description: "Does things.",
  forms: ["[options] THING"],
  options: { share: { type: "text", default: "/mnt/oras", placeholder: "DIR", description: "a folder" } },
  examples: [],
  notes: [],
  exitCodes: [],
} as const satisfies Usage<OptionSpecs>;

/** Runs a command. Returns the output of the command, and the shares that its hook received. */
async function runTool(
  argv: readonly string[],
  run: Command<typeof USAGE.options>["run"] = async () => 7,
  limitFailure?: ToolError,
) {
  const shares: string[] = [];
  let stdout = "";
  let stackTraces = false;
  const command: Command<typeof USAGE.options> = {
    ...USAGE,
    run,
    onRefusal: async (failure, { share }) => {
      assert.ok(failure === limitFailure || failure.code === "usage");
      shares.push(share);
    },
  };
  const io = {
    env: {},
    stdout: (text: string) => {
      stdout += text;
    },
    stderr: () => {},
    interrupted: () => new AbortController().signal,
    limitFailure: () => limitFailure,
    showStackTraces: () => {
      stackTraces = true;
    },
  };
  const result = await runCommand(command, argv, io).catch((error: unknown) => error);
  return { result, shares, stdout, stackTraces };
}

describe("a command", () => {
  it("runs with its options, and returns its exit code", async () => {
    const { result, shares } = await runTool(["--share", "here", "x"], async ({ options, args }) => {
      assert.deepEqual([options.share, args], ["here", ["x"]]);
      return 7;
    });
    assert.deepEqual([result, shares], [7, []]);
  });

  it("prints its help", async () => {
    for (const argv of [["--help"], ["-h"], ["--share", "x", "--help"]]) {
      const { result, stdout } = await runTool(argv);
      assert.equal(result, 0);
      assert.match(stdout, /^Usage:\n {2}tool \[options\] THING\n/);
    }
  });

  it("prints its version", async () => {
    for (const argv of [["--version"], ["--version", "x"]]) {
      const { result, stdout } = await runTool(argv);
      assert.equal(result, 0);
      assert.match(stdout, /^tool \d+\.\d+\.\d+\n$/);
    }
  });

  it("prints stack traces with --debug", async () => {
    assert.equal((await runTool(["--debug"])).stackTraces, true);
    assert.equal((await runTool([])).stackTraces, false);
  });

  it("calls its hook for an invalid command line", async () => {
    const { result, shares } = await runTool(["--nonsense", "--share", "here"]);
    assert.ok(result instanceof ToolError);
    assert.equal(result.message, "unknown option --nonsense");
    assert.deepEqual(shares, ["here"]);
  });

  it("calls its hook for a usage failure of its work", async () => {
    const { result, shares } = await runTool([], async () => {
      throw usageError(USAGE, "no thing");
    });
    assert.ok(result instanceof ToolError);
    assert.deepEqual(shares, ["/mnt/oras"]);
  });

  it("calls its hook if the limits of the process are too low, and does not run", async () => {
    const failure = new ToolError("software", "too few");
    const { result, shares } = await runTool(["--share", "here"], async () => assert.fail(), failure);
    assert.deepEqual([result, shares], [failure, ["here"]]);
  });

  it("does not call its hook for another failure", async () => {
    const { result, shares } = await runTool([], async () => {
      throw new ToolError("noInput", "no input");
    });
    assert.ok(result instanceof ToolError);
    assert.deepEqual(shares, []);
  });
});
