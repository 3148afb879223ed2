import type { Command } from "shared/cli/command";
import { lineagePlan } from "../options/lineage.ts";
import { LINEAGE_USAGE } from "../options/lineage-usage.ts";
import { plainContext } from "./context.ts";

/** The command `oras-push lineage`. */
export const lineageCommand: Command<typeof LINEAGE_USAGE.options> = {
  ...LINEAGE_USAGE,
  run: async (line, io) => {
    const plan = lineagePlan(line, io.env);
    const [{ readLineage }, { formatLineage }] = await Promise.all([
      import("../results/lineage.ts"),
      import("../results/lineage-formats.ts"),
    ]);
    io.stdout(formatLineage(await readLineage(plan, plainContext(io)), plan.format));
    return 0;
  },
};
