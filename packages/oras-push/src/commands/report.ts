import type { Command } from "shared/cli/command";
import { writeResult } from "shared/fs/atomic-file";
import { cannotWrite } from "shared/fs/path-failure";
import { reportPlan } from "../options/report.ts";
import { REPORT_USAGE } from "../options/report-usage.ts";
import { plainContext } from "./context.ts";
import { reportEmpty, reportUnreadable } from "./unreadable.ts";

/** The command `oras-push report`. */
export const reportCommand: Command<typeof REPORT_USAGE.options> = {
  ...REPORT_USAGE,
  run: async (line, io) => {
    const plan = reportPlan(line, io.env, Date.now());
    const { makeReport } = await import("../results/report/report.ts");
    const context = plainContext(io);
    const { page, runs, empty, total, unreadable } = await makeReport(plan, context);
    await writeResult(plan.output, Buffer.from(page)).catch((error) => {
      throw cannotWrite(plan.output, error);
    });
    io.stdout(`Wrote ${plan.output}: ${runs} ${runs === 1 ? "run" : "runs"}\n`);
    reportEmpty(plan.targets, empty, total + unreadable.length, context.warn);
    reportUnreadable(unreadable, context.warn);
    return 0;
  },
};
