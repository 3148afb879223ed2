import type { Command } from "shared/cli/command";
import { listPlan } from "../options/list.ts";
import { LIST_USAGE } from "../options/list-usage.ts";
import { mayBeSeveral } from "../results/repositories.ts";
import { plainContext } from "./context.ts";
import { reportUnreadable } from "./unreadable.ts";

const NOTHING_FOUND = "found no artifacts; to list all repositories below a path, end the path with a slash";

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
    const { found, unreadable, total } = await listRuns(plan, context);
    io.stdout(formatRuns(found, plan.format, mayBeSeveral(plan.targets)));
    if (total === 0 && unreadable.length === 0) context.warn(NOTHING_FOUND);
    reportUnreadable(unreadable, context.warn);
    return 0;
  },
};
