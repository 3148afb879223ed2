import type { Command } from "shared/cli/command";
import { resultText, skippedFailure, skippedText, writeTerminationMessage } from "../artifact/result.ts";
import { pullPlan } from "../options/pull.ts";
import { PULL_USAGE } from "../options/pull-usage.ts";
import { plainContext, withProgress } from "./context.ts";

/** The command `oras-push pull`. */
export const pullCommand: Command<typeof PULL_USAGE.options> = {
  ...PULL_USAGE,
  run: async (line, io) => {
    const plan = pullPlan(line, io.env);
    const { pullAllTags, pullArtifacts } = await import("../artifact/pull-artifacts.ts");
    const { pulled, skipped } = await withProgress(io, plan.noTty, async (context) => {
      const [first] = plan.references;
      if (plan.all && first !== undefined) return pullAllTags(first, plan, plan, context);
      return { pulled: await pullArtifacts(plan.references, plan, plan, context), skipped: [] };
    });
    io.stdout(
      resultText("Pulled", pulled, plan.format, line.options["oci-layout"]) + skippedText(skipped, plan.format),
    );
    writeTerminationMessage(plan.terminationMessage, pulled, plainContext(io).warn);
    const failure = skippedFailure(skipped, pulled.length);
    if (failure !== undefined) throw failure;
    return 0;
  },
};
