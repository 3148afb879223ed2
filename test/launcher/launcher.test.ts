/** The command line and the log of the launcher. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { run, runTool, toolPath } from "../../support/tools.ts";
import { launch, places } from "./launching.ts";

const FORMS =
  "launcher [options] -- COMMAND [ARG ...] or launcher [options] ARTIFACT-INPUT ARTIFACT-OUTPUT COMMAND [ARG ...] or launcher --install DIR [--mounted-at DIR] or launcher --checkpoint-now";

describe("the command line and the log", { timeout: 30_000 }, () => {
  it("writes the log lines of the ORAS Operator to stderr", async (context) => {
    const at = places(context);
    const { stdout, stderr } = await runTool("launcher", ["--share", at.share, "NA", "NA", "echo", "a\nb"], {
      cwd: at.folder,
    });
    assert.equal(stdout, "a\nb\n");
    assert.deepEqual(stderr.split("\n"), [
      "Expecting: <artifact-input> <artifact-output> <command>...",
      "Full provided set of arguments are NA NA echo a\\nb",
      "Command is echo a\\nb",
      "Artifact input is NA",
      "Artifact output is NA",
      "",
    ]);
  });

  it("writes no log with -q", async (context) => {
    const { stdout, stderr } = await launch(places(context), ["--", "true"]);
    assert.equal(stdout + stderr, "");
  });

  const refused: readonly [string, readonly string[], NodeJS.ProcessEnv, string][] = [
    ["no command", [], {}, "no command to run"],
    ["-- without a command", ["--"], {}, "no command to run"],
    ["two arguments", ["NA", "NA"], {}, "expected INPUT OUTPUT COMMAND or -- COMMAND"],
    ["an empty path", ["", "NA", "true"], {}, "a path must not be empty; write NA for none"],
    ["an unknown option", ["--nonsense", "--", "true"], {}, "unknown option --nonsense"],
    ["an option without a value", ["--output", "--", "true"], {}, "--output needs a value"],
    ["an invalid grace period", ["--grace", "x", "--", "true"], {}, '--grace must be a number, not "x"'],
    ["the same output twice", ["--output", "a", "--output", "b/a", "--", "true"], {}, 'two outputs are named "a"'],
    [
      "an invalid variable",
      ["--", "true"],
      { ORAS_WAIT_PUSH: "maybe" },
      'ORAS_WAIT_PUSH must be true or false, not "maybe"',
    ],
  ];
  for (const [name, args, env, what] of refused)
    it(`exits with 64 and one line with the forms for ${name}`, async () => {
      const { code, stdout, stderr } = await runTool("launcher", args, { env });
      assert.deepEqual(
        { code, stdout, stderr },
        { code: 64, stdout: "", stderr: `launcher: ${what} (usage: ${FORMS})\n` },
      );
    });

  it("refuses an argument that is not UTF-8, and does not run the command", async (context) => {
    const at = places(context);
    const script = `exec "$1" -q --share "$2" -- touch "$(printf 'a\\377')"`;
    const { code, stderr } = await run("sh", ["-c", script, "sh", toolPath("launcher"), at.share], { cwd: at.folder });
    assert.equal(code, 64);
    assert.equal(stderr, `launcher: an argument is not UTF-8 text (usage: ${FORMS})\n`);
    assert.deepEqual(readdirSync(at.folder), ["share"]);
  });

  it("warns about a variable that is not UTF-8, and runs the command", async (context) => {
    const at = places(context);
    const script = `export BAD="$(printf 'a\\377')" GOOD="\ufffd"; exec "$1" -q --share "$2" -- true`;
    const { code, stderr } = await run("sh", ["-c", script, "sh", toolPath("launcher"), at.share]);
    assert.equal(code, 0);
    assert.equal(
      stderr,
      "launcher: the environment variable BAD is not UTF-8 text: the command receives a changed text\n",
    );
  });

  it("ignores the variables that Kubernetes sets for a service named oras", async (context) => {
    const env = { ORAS_PORT: "tcp://10.0.0.1:5000", ORAS_SERVICE_HOST: "10.0.0.1", ORAS_SERVICE_PORT: "5000" };
    assert.equal((await launch(places(context), ["--", "true"], { env })).code, 0);
  });

  it("shows all forms and the exit codes with --help, and a version with --version", async () => {
    const help = await runTool("launcher", ["--help"]);
    assert.equal(help.code, 0);
    for (const part of [...FORMS.split(" or "), "75     the sidecar did not push the outputs", "124    timed out"])
      assert.ok(help.stdout.includes(part), part);
    const version = await runTool("launcher", ["--version"]);
    assert.equal(version.code, 0);
    assert.match(version.stdout, /^launcher \d+\.\d+\.\d+\n$/);
  });
});
