import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { helpText } from "shared/cli/help";
import type { OptionSpecs } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { COMMAND_USAGES } from "../../../scripts/usages.ts";

const FIRST = {
  output: { type: "text", alias: "o", placeholder: "DIR", default: ".", description: "write to DIR" },
  path: { type: "list", placeholder: "PATH", description: "read PATH" },
} as const satisfies OptionSpecs;

const SUB: Usage<OptionSpecs> = {
  name: "tool sub",
  summary: "do other things",
  description: "Does other things.",
  forms: [""],
  options: {},
  examples: [],
  notes: [],
  exitCodes: [],
};

const USAGE: Usage<OptionSpecs> = {
  name: "tool",
  summary: "do things",
  description: "Does things.",
  forms: ["[options] THING ...", "--list"],
  options: {
    ...FIRST,
    format: { type: "text", default: "text", choices: ["text", "json"], description: "print in this format" },
    timeout: { type: "number", placeholder: "SECONDS", shownDefault: "no limit", description: "stop after this time" },
    quiet: { type: "flag", alias: "q", description: "write no log" },
  },
  groups: { "First options": FIRST },
  commands: [SUB],
  examples: [{ text: "Do one thing", command: "tool -o out thing" }],
  notes: [{ title: "Things", text: "A thing can be anything." }],
  environment: "TOOL_THINGS lists things.",
  exitCodes: ["timedOut", "noInput"],
  exitMeanings: { success: "the things are done", noInput: "a thing is missing" },
  exitNote: "The exit code tells:",
};

describe("the help text", () => {
  it("has all sections", () => {
    assert.equal(
      helpText(USAGE),
      `Usage:
  tool [options] THING ...
  tool --list

Does things.

Commands:
  tool sub  do other things

  Run 'tool COMMAND --help' for the help of a command.

First options:
  -o, --output DIR        write to DIR (default: .)
      --path PATH         read PATH (repeatable)

Common options:
      --format text|json  print in this format (default: text)
      --timeout SECONDS   stop after this time (default: no limit)
  -q, --quiet             write no log
  -d, --debug             also log requests and stack traces, but no secrets
  -h, --help              show this help and exit
      --version           show the version and exit

Examples:
  Do one thing:
    tool -o out thing

Things:
  A thing can be anything.

Environment:
  Each option except --help and --version can also be set by an environment variable. For example,
  ORAS_QUIET=true sets --quiet. For a repeatable option, write one value per line into the variable.
  An option on the command line overrides its variable. TOOL_THINGS lists things.

Exit codes:
  The exit code tells:

  0      the things are done
  64     usage error
  66     a thing is missing
  70     internal error
  124    timed out
  128+n  ended by signal n
`,
    );
  });

  for (const [columns, widest] of [
    [20, 60],
    [60, 60],
    [80, 80],
    [120, 120],
    [500, 120],
  ] as const)
    it(`is at most ${widest} characters wide on a terminal of ${columns} columns`, () => {
      for (const usage of COMMAND_USAGES) {
        const lengths = helpText(usage, columns)
          .split("\n")
          .map((line) => line.length);
        // The longest line must fit into this width, and must use almost all of it.
        assert.ok(Math.max(...lengths) <= widest, `${usage.name}: ${Math.max(...lengths)}`);
        assert.ok(Math.max(...lengths) > widest - 10, `${usage.name}: ${Math.max(...lengths)}`);
      }
    });
});
