/** The usages of the tools: their options, examples and texts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { installPlan, launchPlan } from "launcher/options";
import { USAGE as LAUNCHER_USAGE } from "launcher/usage";
import { injectPlan } from "oras-push/options/inject";
import { INJECT_USAGE } from "oras-push/options/inject-usage";
import { lineagePlan } from "oras-push/options/lineage";
import { LINEAGE_USAGE } from "oras-push/options/lineage-usage";
import { listPlan } from "oras-push/options/list";
import { LIST_USAGE } from "oras-push/options/list-usage";
import { prunePlan } from "oras-push/options/prune";
import { PRUNE_USAGE } from "oras-push/options/prune-usage";
import { pullPlan } from "oras-push/options/pull";
import { PULL_USAGE } from "oras-push/options/pull-usage";
import { pushPlan } from "oras-push/options/push";
import { PUSH_USAGE } from "oras-push/options/push-usage";
import { reportPlan } from "oras-push/options/report";
import { REPORT_USAGE } from "oras-push/options/report-usage";
import { sidecarPlan } from "oras-push/options/sidecar";
import { SIDECAR_USAGE } from "oras-push/options/sidecar-usage";
import { parseCommandLine } from "shared/cli/command-line";
import { COMMON_OPTIONS } from "shared/cli/option-specs";
import { allOptions, optionGroups, valueName } from "shared/cli/usage-facts";
import { USAGE as WAIT_FS_USAGE, waitFsOptions } from "wait-fs/options";
import { COMMAND_USAGES } from "../../../scripts/usages.ts";

const ENVIRONMENT = { JOB_COMPLETION_INDEX: "0" };

/** Parses the arguments of each command as the command does. */
const PARSERS: Readonly<Record<string, (argv: readonly string[]) => Promise<unknown>>> = {
  launcher: async (argv) => {
    const line = await parseCommandLine(LAUNCHER_USAGE, argv, ENVIRONMENT);
    return installPlan(line) ?? launchPlan(line);
  },
  "oras-push": async (argv) => pushPlan(await parseCommandLine(PUSH_USAGE, argv, ENVIRONMENT), ENVIRONMENT),
  "oras-push inject": async (argv) => injectPlan(await parseCommandLine(INJECT_USAGE, argv, ENVIRONMENT)),
  "oras-push pull": async (argv) => pullPlan(await parseCommandLine(PULL_USAGE, argv, ENVIRONMENT), ENVIRONMENT),
  "oras-push list": async (argv) => listPlan(await parseCommandLine(LIST_USAGE, argv, ENVIRONMENT), ENVIRONMENT, 0),
  "oras-push lineage": async (argv) =>
    lineagePlan(await parseCommandLine(LINEAGE_USAGE, argv, ENVIRONMENT), ENVIRONMENT),
  "oras-push prune": async (argv) => prunePlan(await parseCommandLine(PRUNE_USAGE, argv, ENVIRONMENT), ENVIRONMENT, 0),
  "oras-push report": async (argv) =>
    reportPlan(await parseCommandLine(REPORT_USAGE, argv, ENVIRONMENT), ENVIRONMENT, 0),
  "oras-push sidecar": async (argv) =>
    sidecarPlan(await parseCommandLine(SIDECAR_USAGE, argv, ENVIRONMENT), ENVIRONMENT),
  "wait-fs": async (argv) => waitFsOptions(await parseCommandLine(WAIT_FS_USAGE, argv, ENVIRONMENT)),
};

/** Splits a command line into words, as a shell does. The command line must not contain variables. */
function shellWords(command: string): string[] {
  const words = command.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? [];
  return words.map((word) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_, single = "", double = "") => single + double));
}

for (const usage of COMMAND_USAGES)
  describe(`the usage of ${usage.name}`, () => {
    for (const { command } of usage.examples)
      it(`has a valid example: ${command}`, async () => {
        const name = shellWords(usage.name);
        const words = shellWords(command);
        assert.deepEqual(words.slice(0, name.length), name);
        assert.ok(await PARSERS[usage.name]?.(words.slice(name.length)));
      });

    it("has two to four examples", () => {
      assert.ok(usage.examples.length >= 2 && usage.examples.length <= 4);
    });

    it("has each option in one group", () => {
      const names = optionGroups(usage).flatMap(({ options }) => Object.keys(options));
      assert.equal(new Set(names).size, names.length);
      assert.deepEqual(new Set(names), new Set(Object.keys({ ...usage.options, ...COMMON_OPTIONS })));
      for (const { options } of optionGroups(usage))
        for (const [name, spec] of Object.entries(options))
          assert.equal(spec, { ...usage.options, ...COMMON_OPTIONS }[name]);
    });

    it("has a placeholder or choices for each value, and short names that differ", () => {
      const aliases = Object.values(allOptions(usage)).flatMap(({ alias }) => alias ?? []);
      assert.equal(new Set(aliases).size, aliases.length);
      for (const [name, spec] of Object.entries(allOptions(usage))) assert.notEqual(valueName(spec), "VALUE", name);
    });

    it("has phrases without a period, and texts that are sentences", () => {
      const phrases = [usage.summary, ...Object.values(allOptions(usage)).map(({ description }) => description)];
      for (const phrase of phrases) assert.match(phrase, /^(?![A-Z][a-z]).*[^.]$/);
      const texts = [
        usage.description,
        ...usage.notes.map(({ text }) => text),
        ...(usage.environment ? [usage.environment] : []),
      ];
      for (const text of texts) assert.match(text, /\.$/);
    });
  });
