import type { Command } from "shared/cli/command";
import { describeError, ToolError } from "shared/cli/tool-error";
import { prunePlan } from "../options/prune.ts";
import { PRUNE_USAGE } from "../options/prune-usage.ts";
import { plainContext } from "./context.ts";
import { reportEmpty } from "./unreadable.ts";

/** The command `oras-push prune`. */
export const pruneCommand: Command<typeof PRUNE_USAGE.options> = {
  ...PRUNE_USAGE,
  run: async (line, io) => {
    const order = prunePlan(line, io.env, Date.now());
    const [{ prune }, { countOf, formatPrune }] = await Promise.all([
      import("../results/prune.ts"),
      import("../results/prune-text.ts"),
    ]);
    const context = plainContext(io);
    const result = await prune(order, context);
    for (const { failure } of result.unreadable) context.warn(`kept: ${describeError(failure)}`);
    reportEmpty(order.targets, result.empty, result.total + result.unreadable.length, context.warn);
    io.stdout(formatPrune(result, order.format));
    const failures = (result.outcomes ?? []).flatMap(({ failure }) => failure ?? []);
    const [first] = failures;
    if (first === undefined) return 0;
    throw new ToolError(first.code, `${countOf(failures.length)} could not be deleted`, {
      why: describeError(first),
      ...(first.hint === undefined ? {} : { hint: first.hint }),
    });
  },
};
