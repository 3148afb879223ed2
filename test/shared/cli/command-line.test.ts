import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseCommandLine, readCommandLine } from "shared/cli/command-line";
import { ABOVE_ZERO, type OptionSpecs, wholeNumbers } from "shared/cli/option-specs";
import { environmentName } from "shared/cli/option-values";
import { ToolError } from "shared/cli/tool-error";
import type { Usage } from "shared/cli/usage";

const USAGE = {
  name: "tool",
  summary: "do things",
  description: "Does things.",
  forms: ["[options] THING ...", "--list"],
  options: {
    path: { type: "list", alias: "p", placeholder: "PATH", description: "a path" },
    "plain-http": { type: "flag", description: "no TLS" },
    quiet: { type: "flag", alias: "q", description: "no log" },
    user: { type: "text", alias: "u", description: "a name" },
    share: { type: "text", default: "/mnt/oras", description: "a folder" },
    format: { type: "text", default: "text", choices: ["text", "json"], description: "how to print" },
    timeout: { type: "number", description: "seconds" },
    wait: { type: "number", alias: "w", default: 5, description: "seconds" },
    speed: { type: "number", range: ABOVE_ZERO, description: "a number" },
    count: { type: "number", range: wholeNumbers(1, 9), description: "a whole number" },
  },
  examples: [],
  notes: [],
  exitCodes: [],
} as const satisfies Usage<OptionSpecs>;

const WRAPPING = { ...USAGE, wrapsCommand: true } as const;

const parse = (argv: readonly string[], env: NodeJS.ProcessEnv = {}) => parseCommandLine(USAGE, argv, env);
const wrap = (argv: readonly string[], env: NodeJS.ProcessEnv = {}) => parseCommandLine(WRAPPING, argv, env);

function isUsageError(pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ToolError);
    assert.equal(error.exitCode, 64);
    assert.match(error.message, pattern);
    assert.equal(error.why, "usage: tool [options] THING ... or tool --list");
    return true;
  };
}

/** The values of the common options if the command line contains none of them. */
const COMMON = { debug: false, help: false, version: false };

describe("options", () => {
  it("have their default, or no value", async () => {
    const { options, args, dashes } = await parse([]);
    assert.deepEqual(options, {
      path: [],
      "plain-http": false,
      quiet: false,
      user: undefined,
      share: "/mnt/oras",
      format: "text",
      timeout: undefined,
      wait: 5,
      speed: undefined,
      count: undefined,
      ...COMMON,
    });
    assert.deepEqual(args, []);
    assert.equal(dashes, false);
  });

  it("collect all values of a list, in their order", async () => {
    const { options } = await parse(["-p", "b", "--path", "a", "--path=b", "-p/c d"]);
    assert.deepEqual(options.path, ["b", "a", "b", "/c d"]);
  });

  it("take one value at a time for a list", async () => {
    const { options, args } = await parse(["-p", "a", "b"]);
    assert.deepEqual(options.path, ["a"]);
    assert.deepEqual(args, ["b"]);
  });

  it("have the last value of a repeated text or number; a repeated flag stays set", async () => {
    const { options } = await parse(["--share", "a", "--share", "b", "-w", "1", "--wait", "2.5", "-q", "-q"]);
    assert.equal(options.share, "b");
    assert.equal(options.wait, 2.5);
    assert.equal(options.quiet, true);
  });

  it("keep values that look like numbers as text", async () => {
    const { options, args } = await parse(["-u", "007", "-p", "1e3", "0x10", "1.0"]);
    assert.equal(options.user, "007");
    assert.deepEqual(options.path, ["1e3"]);
    assert.deepEqual(args, ["0x10", "1.0"]);
  });

  it("accept a value with dashes and newlines after =", async () => {
    const { options } = await parse(["--share=-x\n=y", "--path=--"]);
    assert.equal(options.share, "-x\n=y");
    assert.deepEqual(options.path, ["--"]);
  });

  for (const word of ["true", "false", "0", "no"])
    it(`do not take the word ${word} as the value of a flag`, async () => {
      const { options, args } = await parse(["--quiet", word, "-q", word]);
      assert.equal(options.quiet, true);
      assert.deepEqual(args, [word, word]);
    });

  it("end at --", async () => {
    const { options, args, dashes } = await parse(["a", "--", "-q", "--", "--nonsense"]);
    assert.equal(options.quiet, false);
    assert.deepEqual(args, ["a", "-q", "--", "--nonsense"]);
    assert.equal(dashes, true);
  });

  const invalid: readonly [readonly string[], RegExp][] = [
    [["--nonsense"], /^unknown option --nonsense$/],
    [["-q", "-x", "-y"], /^unknown options -x, -y$/],
    [["--no-quiet"], /^unknown option --no-quiet$/],
    [["--plainHttp"], /^unknown option --plainHttp; did you mean --plain-http\?$/],
    [["--toString"], /^unknown option --toString$/],
    [["--path.x=1"], /^unknown option --path\.x; did you mean --path\?$/],
    [["--tim", "1"], /^unknown option --tim; did you mean --timeout\?$/],
    [["--share"], /^--share needs a value$/],
    [["-p"], /^-p needs a value$/],
    [["-p", "-q"], /^-p needs a value$/],
    [["--share", "--", "x"], /^--share needs a value$/],
    [["--quiet=false"], /^--quiet takes no value$/],
    [["--format", "xml"], /^--format must be text or json, not "xml"$/],
    [["--wait", "soon"], /^--wait must be a number, not "soon"$/],
    [["--wait", "-1"], /^--wait must be 0 or more, not "-1"$/],
    [["--timeout="], /^--timeout must be a number, not ""$/],
    [["--speed", "0"], /^--speed must be more than 0, not "0"$/],
    [["--speed", "-1"], /^--speed must be more than 0, not "-1"$/],
    [["--speed", "fast"], /^--speed must be a number, not "fast"$/],
    [["--count", "1.5"], /^--count must be a whole number from 1 to 9, not "1.5"$/],
    [["--count", "10"], /^--count must be a whole number from 1 to 9, not "10"$/],
    [["--share", ""], /^--share must not be empty$/],
    [["--share="], /^--share must not be empty$/],
    [["-u", ""], /^--user must not be empty$/],
    [["-p", "a", "-p", ""], /^--path must not be empty$/],
    [["--plain-htp"], /^unknown option --plain-htp; did you mean --plain-http\?$/],
    [["--timeout", "Infinity"], /^--timeout must be a number/],
  ];
  for (const [argv, pattern] of invalid)
    it(`reject ${argv.join(" ")}, and show the valid forms`, async () => {
      await assert.rejects(parse(argv), isUsageError(pattern));
    });
});

describe("a switch", () => {
  const SWITCHED = { ...USAGE, options: { tls: { type: "flag", switch: true, description: "use TLS" } } } as const;
  const tls = async (argv: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    (await parseCommandLine(SWITCHED, argv, env)).options.tls;

  it("is undefined, true or false, and its last value counts", async () => {
    assert.equal(await tls([]), undefined);
    assert.equal(await tls(["--tls"]), true);
    assert.equal(await tls(["--tls=true"]), true);
    assert.equal(await tls(["--tls=false"]), false);
    assert.equal(await tls(["--tls=false", "--tls"]), true);
    assert.equal(await tls(["--tls", "--tls=false"]), false);
  });

  it("is set by the environment, which the command line overrides", async () => {
    assert.equal(await tls([], { ORAS_TLS: "false" }), false);
    assert.equal(await tls([], { ORAS_TLS: "true" }), true);
    assert.equal(await tls(["--tls=false"], { ORAS_TLS: "true" }), false);
  });

  it("takes no other value, and not the next word", async () => {
    await assert.rejects(tls(["--tls=maybe"]), /--tls must be true or false, not "maybe"$/);
    const { options, args } = await parseCommandLine(SWITCHED, ["--tls", "false", "--", "--tls=false"], {});
    assert.equal(options.tls, true);
    assert.deepEqual(args, ["false", "--tls=false"]);
  });
});

describe("the environment", () => {
  it("has a variable for each option, in capitals with underscores", () => {
    assert.equal(environmentName("plain-http"), "ORAS_PLAIN_HTTP");
    assert.equal(environmentName("share"), "ORAS_SHARE");
  });

  it("sets every type of option", async () => {
    const env = {
      ORAS_PATH: "a b\n\nc\n",
      ORAS_PLAIN_HTTP: "TRUE",
      ORAS_QUIET: "off",
      ORAS_USER: "me",
      ORAS_FORMAT: "json",
      ORAS_TIMEOUT: "0",
      ORAS_WAIT: "0.5",
      ORAS_COUNT: "9",
    };
    const { options } = await parse([], env);
    assert.deepEqual(options, {
      path: ["a b", "c"],
      "plain-http": true,
      quiet: false,
      user: "me",
      share: "/mnt/oras",
      format: "json",
      timeout: 0,
      wait: 0.5,
      speed: undefined,
      count: 9,
      ...COMMON,
    });
  });

  for (const [text, value] of Object.entries({ true: true, 1: true, yes: true, on: true, false: false, 0: false }))
    it(`sets a flag to ${value} with ${text}`, async () => {
      assert.equal((await parse([], { ORAS_QUIET: text })).options.quiet, value);
    });

  it("is overridden by the command line, lists included", async () => {
    const { options } = await parse(["--share", "here", "-p", "a"], { ORAS_SHARE: "there", ORAS_PATH: "b" });
    assert.equal(options.share, "here");
    assert.deepEqual(options.path, ["a"]);
  });

  it("counts an empty variable as not set", async () => {
    const empty = { ORAS_SHARE: "", ORAS_QUIET: "", ORAS_WAIT: "", ORAS_PATH: "", ORAS_FORMAT: "" };
    const { options } = await parse([], empty);
    assert.equal(options.share, "/mnt/oras");
    assert.equal(options.quiet, false);
    assert.equal(options.wait, 5);
    assert.deepEqual(options.path, []);
    assert.equal(options.format, "text");
  });

  const bad: readonly [string, string, RegExp][] = [
    ["ORAS_QUIET", "maybe", /^ORAS_QUIET must be true or false, not "maybe"$/],
    ["ORAS_WAIT", "soon", /^ORAS_WAIT must be a number, not "soon"$/],
    ["ORAS_COUNT", "0", /^ORAS_COUNT must be a whole number from 1 to 9, not "0"$/],
    ["ORAS_FORMAT", "xml", /^ORAS_FORMAT must be text or json, not "xml"$/],
  ];
  for (const [name, value, pattern] of bad)
    it(`names ${name} if its value is invalid`, async () => {
      await assert.rejects(parse([], { [name]: value }), isUsageError(pattern));
    });

  it("never asks for the help or the version", async () => {
    for (const text of ["true", "1", "1.2.0", "maybe"]) {
      const { options } = await parse([], { ORAS_HELP: text, ORAS_VERSION: text });
      assert.deepEqual([options.help, options.version], [false, false]);
    }
  });

  it("ignores the variables that Kubernetes sets for services named oras", async () => {
    const services = {
      ORAS_PORT: "tcp://10.0.0.1:5000",
      ORAS_PORT_5000_TCP: "tcp://10.0.0.1:5000",
      ORAS_PORT_5000_TCP_ADDR: "10.0.0.1",
      ORAS_SERVICE_HOST: "10.0.0.1",
      ORAS_SERVICE_PORT: "5000",
      ORAS_TIMEOUT_PORT: "tcp://10.0.0.2:80",
      ORAS_SHARE_SERVICE_HOST: "10.0.0.3",
    };
    assert.deepEqual(await parse([], services), await parse([]));
  });
});

describe("a command that wraps another", () => {
  const words = ["-q", "--share", "x", "--nonsense", "", "a b", "*", "-", "--", "--help", "true", "0x1", "\n"];

  it("keeps all words from the first argument on", async () => {
    const { options, args, dashes } = await wrap(["--share", "here", "command", ...words]);
    assert.equal(options.share, "here");
    assert.equal(options.quiet, false);
    assert.deepEqual(args, ["command", ...words]);
    assert.equal(dashes, false);
  });

  it("keeps all words after --, and reports the --", async () => {
    const { options, args, dashes } = await wrap(["-q", "--", ...words]);
    assert.equal(options.quiet, true);
    assert.equal(options.share, "/mnt/oras");
    assert.deepEqual(args, words);
    assert.equal(dashes, true);
  });

  it("reports a -- without words after it", async () => {
    const { args, dashes } = await wrap(["-q", "--"]);
    assert.deepEqual(args, []);
    assert.equal(dashes, true);
  });

  it("keeps a -- among the arguments", async () => {
    const { args, dashes } = await wrap(["a", "--", "b"]);
    assert.deepEqual(args, ["a", "--", "b"]);
    assert.equal(dashes, false);
    assert.equal((await wrap(["a", "b", "--"])).dashes, false);
  });

  it("ends its options at the word false", async () => {
    const { options, args } = await wrap(["-q", "false", "-q"]);
    assert.equal(options.quiet, true);
    assert.deepEqual(args, ["false", "-q"]);
  });
});

describe("an invalid command line", () => {
  const read = (argv: readonly string[], env: NodeJS.ProcessEnv = {}) => readCommandLine(USAGE, argv, env);

  it("still has its valid options", async () => {
    const { line, failure } = await read(["--share", "here", "--nonsense", "-q", "--wait", "soon", "--format=xml"]);
    assert.equal(failure?.message, "unknown option --nonsense");
    const { share, quiet, wait, format } = line.options;
    assert.deepEqual({ share, quiet, wait, format }, { share: "here", quiet: true, wait: 5, format: "text" });
  });

  it("still has the options from the environment", async () => {
    const { line, failure } = await read([], { ORAS_SHARE: "there", ORAS_WAIT: "soon" });
    assert.match(failure?.message ?? "", /^ORAS_WAIT must be/);
    assert.equal(line.options.share, "there");
  });

  it("has an empty text for an option without its value", async () => {
    const { line, failure } = await read(["-q", "-u"]);
    assert.equal(failure?.message, "-u needs a value");
    assert.deepEqual([line.options.user, line.options.quiet], ["", true]);
  });

  it("has no failure if it is valid", async () => {
    assert.equal((await read(["-q"])).failure, undefined);
  });
});
