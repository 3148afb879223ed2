import type { Command } from "shared/cli/command";
import { listPlan } from "../options/list.ts";
import { LIST_USAGE } from "../options/list-usage.ts";
import { mayBeSeveral } from "../results/repositories.ts";
import { plainContext } from "./context.ts";
import { reportEmpty, reportUnreadable } from "./unreadable.ts";

/** The command `oras-push list`. */
export const listCommand: Command<typeof LIST_USAGE.options> = {
  ...LIST_USAGE,
  run: async (line, io) => {
    const plan = listPlan(line, io.env, Date.now());
    const [{ listRuns }, { formatRuns }] = await Promise.all([
      import("../results/list.ts"),
      import("../results/table.ts"),
    ]);
    const context = plainContext(io);
    const { found, empty, unreadable, total } = await listRuns(plan, context);
    io.stdout(formatRuns(found, plan.format, mayBeSeveral(plan.targets)));
    reportEmpty(plan.targets, empty, total + unreadable.length, context.warn);
    reportUnreadable(unreadable, context.warn);
    return 0;
  },
};
