/** The completion scripts in real shells. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { writeShare } from "../../../scripts/build/share.ts";
import { TOOL_USAGES } from "../../../scripts/usages.ts";
import { findProgram } from "../../../support/debian.ts";
import { run } from "../../../support/tools.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const share = join(temporaryFolder({ after }), "share");
writeShare(share);

/** A folder to complete paths in. */
const folder = temporaryFolder({ after });
mkdirSync(join(folder, "data folder"));
writeFileSync(join(folder, "data.json"), "");

/** Returns the first word of a command line. This word is the name of the tool. */
function toolOf(line: string): string {
  return line.slice(0, line.indexOf(" "));
}

/**
 * Each case has a command line up to the cursor, and some of its completions. The words in `none` must not be
 * completions.
 */
const CASES: readonly { readonly line: string; readonly some: readonly string[]; readonly none?: readonly string[] }[] =
  [
    { line: "oras-push pull --con", some: ["--concurrency"] },
    { line: "oras-push --exp", some: ["--export-manifest"] },
    { line: "oras-push pull --exp", some: [], none: ["--export-manifest"] },
    { line: "oras-push sidecar --", some: ["--native", "--share", "--help"], none: ["--keep-old-files"] },
    { line: "oras-push pu", some: ["pull"] },
    { line: "oras-push li", some: ["list", "lineage"] },
    { line: "oras-push list --sort du", some: ["duration"] },
    { line: "oras-push s", some: ["sidecar"] },
    { line: "oras-push sidecar --failed-run ", some: ["push", "discard"] },
    { line: "oras-push --format j", some: ["json"] },
    { line: "oras-push localhost:5000/run:1 data.", some: ["data.json"] },
    { line: "oras-push --annotation-file data.", some: ["data.json"] },
    { line: "oras-push pull --retry-for d", some: [], none: ["data.json"] },
    { line: "oras-push pull d", some: [], none: ["data.json"] },
    { line: "wait-fs --jso", some: ["--json"] },
    { line: "wait-fs -p data.", some: ["data.json"] },
    { line: "launcher --wait-pu", some: ["--wait-push"] },
    { line: "launcher --output data.", some: ["data.json"] },
    { line: "launcher --logs -- mkfif", some: ["mkfifo"] },
  ];

describe("completion in bash", { skip: missing("bash"), timeout: 60_000 }, () => {
  /** Calls the completion function as bash does. */
  async function complete(line: string): Promise<string[]> {
    const tool = toolOf(line);
    const script = `
      source "$1"
      COMP_WORDS=("\${@:2}")
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      _${tool.replaceAll("-", "_")}
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const file = join(share, "bash-completion", "completions", tool);
    // COMP_WORDBREAKS contains "=".
    const words = line
      .split(" ")
      .flatMap((word) => word.split(/(=)/).filter((part, index) => index === 0 || part !== ""));
    const { stdout, stderr } = await run("bash", ["-c", script, "bash", file, ...words], { cwd: folder });
    assert.equal(stderr, "");
    return stdout.split("\n");
  }

  for (const { line, some, none } of CASES)
    it(`completes "${line}"`, async () => assertCompletions(await complete(line), some, none));

  it("completes a value after =", async () => {
    assertCompletions(await complete("oras-push --compression="), ["gzip", "none"]);
    assertCompletions(await complete("oras-push --compression=g"), ["gzip"], ["none"]);
  });

  it("completes only folders for DIR", async () => {
    assertCompletions(await complete("oras-push pull -o da"), ["data folder"], ["data.json"]);
  });
});

describe("completion in fish", { skip: missing("fish"), timeout: 60_000 }, () => {
  async function complete(line: string): Promise<string[]> {
    const files = TOOL_USAGES.map(({ name }) => join(share, "fish", "vendor_completions.d", `${name}.fish`));
    const script = `${files.map((file) => `source ${file}`).join("; ")}; complete -C '${line}'`;
    const { stdout, stderr } = await run("fish", ["--no-config", "-c", script], {
      cwd: folder,
      env: fishEnvironment(),
    });
    assert.equal(stderr, "");
    return stdout.split("\n").map((line) => line.split("\t", 1)[0] ?? "");
  }

  const fishEnvironment = () => ({ PATH: process.env.PATH, HOME: folder, XDG_DATA_HOME: join(folder, ".fish") });

  for (const { line, some, none } of CASES)
    it(`completes "${line}"`, async () => assertCompletions(await complete(line), some, none));

  it("completes the options of a wrapped command", async () => {
    assertCompletions(await complete("launcher -q -- wait-fs --jso"), ["--json"]);
  });
});

describe("completion in zsh", { skip: missing("zsh"), timeout: 120_000 }, () => {
  /** Types each line in an interactive zsh, and presses Tab. Returns the lines of the editor. */
  async function complete(lines: readonly string[]): Promise<string[]> {
    const script = `
      zmodload zsh/zpty
      zpty z zsh -f -i
      wait-for() { local text; while zpty -r z text; do [[ $text == *$1* ]] && { print -r -- $text; return; }; done }
      zpty -w z "cd $2; fpath=($1 \\$fpath); autoload -Uz compinit; compinit -u -D; PROMPT=; unsetopt beep"
      zpty -w z 'show() { zle -I; print -r -- "<"$BUFFER">"; BUFFER= }; zle -N show; bindkey "^X" show; print rea''dy'
      wait-for ready >/dev/null
      for line in $@[3,-1]; do zpty -w -n z $line$'\\t\\C-X'; wait-for '>'; done`;
    const args = ["-f", "-c", script, "zsh", join(share, "zsh", "site-functions"), folder, ...lines];
    const { stdout, stderr } = await run("zsh", args, { env: { PATH: process.env.PATH, HOME: folder, TERM: "dumb" } });
    assert.equal(stderr, "");
    return [...stdout.matchAll(/<(.*)>/g)].map(([, buffer = ""]) => buffer.trimEnd());
  }

  it("completes options, commands, choices and paths, but no options of another command", async () => {
    const cases = CASES.filter(({ some }) => some.length <= 1);
    const completed = await complete(cases.map(({ line }) => line));
    const expected = cases.map(({ line, some: [word] }) =>
      word === undefined ? line : line.slice(0, line.lastIndexOf(" ") + 1) + word,
    );
    assert.deepEqual(
      // zsh adds a "=" before a value.
      completed.map((line) => line.replace(/=$/, "")),
      expected,
    );
  });
});

function assertCompletions(found: readonly string[], some: readonly string[], none: readonly string[] = []): void {
  for (const word of some) assert.ok(found.includes(word), `${word} is not in ${found.join(" ")}`);
  for (const word of none) assert.ok(!found.includes(word), `${word} is in ${found.join(" ")}`);
}

function missing(program: string): string | false {
  return findProgram(program) === undefined ? `${program} is not on this machine` : false;
}
