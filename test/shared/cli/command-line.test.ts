import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  COMMON_OPTIONS,
  environmentName,
  helpText,
  type OptionSpecs,
  parseCommandLine,
  type Usage,
} from "shared/cli/command-line";
import { ToolError } from "shared/cli/tool-error";

const USAGE = {
  name: "tool",
  summary: "Does things.",
  forms: ["[options] THING ...", "--list"],
  options: {
    path: { type: "list", alias: "p", value: "PATH", describe: "a path" },
    "plain-http": { type: "flag", describe: "no TLS" },
    quiet: { type: "flag", alias: "q", describe: "no log" },
    user: { type: "text", alias: "u", describe: "a name" },
    share: { type: "text", default: "/mnt/oras", describe: "a folder" },
    format: { type: "text", default: "text", choices: ["text", "json"], describe: "how to print" },
    timeout: { type: "number", describe: "seconds" },
    wait: { type: "number", alias: "w", default: 5, describe: "seconds" },
  },
  notes: "A note.",
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

describe("options", () => {
  it("what is not given has its default, or no value", async () => {
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
    });
    assert.deepEqual(args, []);
    assert.equal(dashes, false);
  });

  it("a list keeps every value, by its long and its short name, in the order given", async () => {
    const { options } = await parse(["-p", "b", "--path", "a", "--path=b", "-p/c d"]);
    assert.deepEqual(options.path, ["b", "a", "b", "/c d"]);
  });

  it("a list takes one value at a time", async () => {
    const { options, args } = await parse(["-p", "a", "b"]);
    assert.deepEqual(options.path, ["a"]);
    assert.deepEqual(args, ["b"]);
  });

  it("a text or a number that is given twice has its last value, a flag stays set", async () => {
    const { options } = await parse(["--share", "a", "--share", "b", "-w", "1", "--wait", "2.5", "-q", "-q"]);
    assert.equal(options.share, "b");
    assert.equal(options.wait, 2.5);
    assert.equal(options.quiet, true);
  });

  it("values that look like numbers, dots or nothing stay text", async () => {
    const { options, args } = await parse(["-u", "007", "--share=", "-p", "1e3", "0x10", "1.0"]);
    assert.equal(options.user, "007");
    assert.equal(options.share, "");
    assert.deepEqual(options.path, ["1e3"]);
    assert.deepEqual(args, ["0x10", "1.0"]);
  });

  it("a value behind = may begin with a dash and hold newlines", async () => {
    const { options } = await parse(["--share=-x\n=y", "--path=--"]);
    assert.equal(options.share, "-x\n=y");
    assert.deepEqual(options.path, ["--"]);
  });

  for (const word of ["true", "false", "0", "no"])
    it(`a flag does not swallow the word ${word}`, async () => {
      const { options, args } = await parse(["--quiet", word, "-q", word]);
      assert.equal(options.quiet, true);
      assert.deepEqual(args, [word, word]);
    });

  it("behind -- nothing is an option", async () => {
    const { options, args, dashes } = await parse(["a", "--", "-q", "--", "--nonsense"]);
    assert.equal(options.quiet, false);
    assert.deepEqual(args, ["a", "-q", "--", "--nonsense"]);
    assert.equal(dashes, true);
  });

  const refused: readonly [readonly string[], RegExp][] = [
    [["--nonsense"], /^unknown option: nonsense$/],
    [["-q", "-x", "-y"], /^unknown options: x, y$/],
    [["--no-quiet"], /^unknown option: no-quiet$/],
    [["--plainHttp"], /^unknown option: plainHttp$/],
    [["--toString"], /^unknown option: toString$/],
    [["--path.x=1"], /^unknown option: path\.x$/],
    [["--tim", "1"], /^unknown option: tim$/],
    [["--share"], /^option share needs a value$/],
    [["-p"], /^option p needs a value$/],
    [["-p", "-q"], /^option p needs a value$/],
    [["--share", "--", "x"], /^option share needs a value$/],
    [["--quiet=false"], /^option quiet takes no value$/],
    [["--format", "xml"], /^--format is one of text, json, not "xml"$/],
    [["--wait", "soon"], /^--wait is a number, not "soon"$/],
    [["--wait", "-1"], /^--wait is 0 or more, not "-1"$/],
    [["--timeout="], /^--timeout is a number, not ""$/],
    [["--timeout", "Infinity"], /^--timeout is a number/],
  ];
  for (const [argv, pattern] of refused)
    it(`${argv.join(" ")} is refused, and the right forms are shown`, async () => {
      await assert.rejects(parse(argv), isUsageError(pattern));
    });
});

describe("the environment", () => {
  it("names an option in capitals, with underscores", () => {
    assert.equal(environmentName("plain-http"), "ORAS_PLAIN_HTTP");
    assert.equal(environmentName("share"), "ORAS_SHARE");
  });

  it("stands for every type of option", async () => {
    const env = {
      ORAS_PATH: "a b\n\nc\n",
      ORAS_PLAIN_HTTP: "TRUE",
      ORAS_QUIET: "off",
      ORAS_USER: "me",
      ORAS_FORMAT: "json",
      ORAS_TIMEOUT: "0",
      ORAS_WAIT: "0.5",
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
    });
  });

  for (const [text, value] of Object.entries({ true: true, 1: true, yes: true, on: true, false: false, 0: false }))
    it(`${text} for a flag means ${value}`, async () => {
      assert.equal((await parse([], { ORAS_QUIET: text })).options.quiet, value);
    });

  it("gives way to what is on the command line, lists included", async () => {
    const { options } = await parse(["--share", "here", "-p", "a"], { ORAS_SHARE: "there", ORAS_PATH: "b" });
    assert.equal(options.share, "here");
    assert.deepEqual(options.path, ["a"]);
  });

  it("an empty variable is none", async () => {
    const empty = { ORAS_SHARE: "", ORAS_QUIET: "", ORAS_WAIT: "", ORAS_PATH: "", ORAS_FORMAT: "" };
    const { options } = await parse([], empty);
    assert.equal(options.share, "/mnt/oras");
    assert.equal(options.quiet, false);
    assert.equal(options.wait, 5);
    assert.deepEqual(options.path, []);
    assert.equal(options.format, "text");
  });

  const bad: readonly [string, string, RegExp][] = [
    ["ORAS_QUIET", "maybe", /^ORAS_QUIET is true or false, not "maybe"$/],
    ["ORAS_WAIT", "soon", /^ORAS_WAIT is a number, not "soon"$/],
    ["ORAS_FORMAT", "xml", /^ORAS_FORMAT is one of text, json, not "xml"$/],
  ];
  for (const [name, value, pattern] of bad)
    it(`a bad value of ${name} names the variable`, async () => {
      await assert.rejects(parse([], { [name]: value }), isUsageError(pattern));
    });

  it("the variables that Kubernetes sets for services named oras do no harm", async () => {
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

  it("keeps everything from the first argument on untouched", async () => {
    const { options, args, dashes } = await wrap(["--share", "here", "command", ...words]);
    assert.equal(options.share, "here");
    assert.equal(options.quiet, false);
    assert.deepEqual(args, ["command", ...words]);
    assert.equal(dashes, false);
  });

  it("keeps everything behind -- untouched, and knows that -- was there", async () => {
    const { options, args, dashes } = await wrap(["-q", "--", ...words]);
    assert.equal(options.quiet, true);
    assert.equal(options.share, "/mnt/oras");
    assert.deepEqual(args, words);
    assert.equal(dashes, true);
  });

  it("-- with nothing behind it is known too", async () => {
    const { args, dashes } = await wrap(["-q", "--"]);
    assert.deepEqual(args, []);
    assert.equal(dashes, true);
  });

  it("a -- among the arguments is the wrapped command's", async () => {
    const { args, dashes } = await wrap(["a", "--", "b"]);
    assert.deepEqual(args, ["a", "--", "b"]);
    assert.equal(dashes, false);
    assert.equal((await wrap(["a", "b", "--"])).dashes, false);
  });

  it("takes options between flags and the words true and false", async () => {
    const { options, args } = await wrap(["-q", "false", "-q"]);
    assert.equal(options.quiet, true);
    assert.deepEqual(args, ["false", "-q"]);
  });
});

describe("the help text", () => {
  it("shows every form, option, default, note and the environment", async () => {
    const help = await helpText({ ...USAGE, options: { ...USAGE.options, ...COMMON_OPTIONS } });
    for (const part of ["Does things.", "tool [options] THING ...", "tool --list", "A note.", "environment", "ORAS_"])
      assert.ok(help.includes(part), part);
    for (const name of [...Object.keys(USAGE.options), ...Object.keys(COMMON_OPTIONS)])
      assert.ok(help.includes(`--${name}`), name);
    assert.match(help, /-p, --path {2,}PATH: a path/);
    assert.match(help, /\[default: \/mnt\/oras\]/);
    assert.match(help, /\n$/);
  });

  it("is no wider than the terminal, and than 120 characters", async () => {
    const notes = `${"word ".repeat(20)}\n${"word ".repeat(20)}`;
    const usage = { ...USAGE, notes, options: { ...USAGE.options, ...COMMON_OPTIONS } };
    for (const [columns, widest] of [
      [80, 80],
      [120, 120],
      [500, 120],
    ] as const) {
      const lengths = (await helpText(usage, columns)).split("\n").map((line) => line.length);
      assert.ok(Math.max(...lengths) <= widest && Math.max(...lengths) > widest - 10, String(lengths));
      // A paragraph is broken where the terminal ends, not where the source's line does.
      assert.ok(!lengths.includes(99), String(lengths));
    }
  });
});
