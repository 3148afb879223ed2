import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { manPage, pageName } from "shared/cli/man-page";
import { macroLine, textLines } from "shared/cli/roff";
import { COMMAND_USAGES } from "../../../scripts/usages.ts";
import { findProgram } from "../../../support/debian.ts";
import { run } from "../../../support/tools.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const folder = temporaryFolder({ after });
const pages = COMMAND_USAGES.map((usage) => {
  const path = join(folder, `${pageName(usage)}.1`);
  writeFileSync(
    path,
    manPage(
      usage,
      COMMAND_USAGES.filter((other) => other !== usage),
    ),
  );
  return path;
});

describe("man pages", { timeout: 60_000 }, () => {
  it("are valid for groff", { skip: missing("groff") }, async () => {
    for (const page of pages) {
      const { code, stdout, stderr } = await run("groff", ["-man", "-ww", "-z", page]);
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" }, page);
    }
  });

  it("are valid for mandoc", { skip: missing("mandoc") }, async () => {
    for (const page of pages) {
      const { stdout, stderr } = await run("mandoc", ["-T", "lint", "-W", "warning", page]);
      // The pages have no date, so that a build is reproducible.
      const problems = `${stdout}${stderr}`.split("\n").filter((line) => line !== "" && !line.includes("missing date"));
      assert.deepEqual(problems, []);
    }
  });

  it("show options, examples and exit codes as they are typed", { skip: missing("groff") }, async () => {
    const page = join(folder, "oras-push-sidecar.1");
    const { stdout } = await run("groff", ["-man", "-Tascii", "-P-cbou", page]);
    const text = stdout.replaceAll(/\s+/g, " ");
    for (const part of [
      "oras-push-sidecar - pull the inputs of a step",
      "oras-push sidecar [options] PULL-FROM PUSH-TO oras-push sidecar [options] PUSH-TO true",
      "-a, --annotation KEY=VALUE add this annotation to the manifest (repeatable)",
      "--failed-run push|discard",
      "(default: /mnt/oras)",
      "oras-push sidecar NA \\ 'localhost:5000/squares:iter-{JOB_COMPLETION_INDEX}'",
      "128+n ended by signal n",
      "SEE ALSO launcher(1), oras-push(1), oras-push-pull(1), oras-push-inject(1), oras-push-list(1), oras-push-lineage(1), oras-push-report(1), oras-push-prune(1), wait-fs(1)",
    ])
      assert.ok(text.includes(part), `${part} is not in ${text}`);
  });

  it("escape dashes, backslashes, quotes and leading periods", () => {
    assert.deepEqual(textLines("'a'\\b --c\u00a0d"), ["\\(aqa\\(aq\\eb \\-\\-c\\~d"]);
    assert.deepEqual(textLines(".SH is a macro"), ["\\&.SH is a macro"]);
    assert.equal(macroLine("SH", 'A "B"'), '.SH "A \\(dqB\\(dq"');
  });
});

function missing(program: string): string | false {
  return findProgram(program) === undefined ? `${program} is not on this machine` : false;
}
