import type { Command } from "shared/cli/command";
import { exportManifest, pushedObject, resultText, writeTerminationMessage } from "../artifact/result.ts";
import { pushPlan } from "../options/push.ts";
import { PUSH_USAGE } from "../options/push-usage.ts";
import { plainContext, withProgress } from "./context.ts";

/** The command `oras-push`. */
export const pushCommand: Command<typeof PUSH_USAGE.options> = {
  ...PUSH_USAGE,
  run: async (line, io) => {
    const plan = pushPlan(line, io.env);
    const { pushArtifact } = await import("../artifact/push-artifact.ts");
    const pushed = await withProgress(io, plan.noTty, async (context) => {
      const results = await pushArtifact(plan.references, plan.paths, plan, context);
      if (plan.exportManifest !== undefined) await exportManifest(plan.exportManifest, results);
      return results.map(pushedObject);
    });
    io.stdout(resultText("Pushed", pushed, plan.format, line.options["oci-layout"]));
    const { warn } = plainContext(io);
    if (plan.paths.length === 0) warn("pushed an artifact without files, because no PATH is given");
    writeTerminationMessage(plan.terminationMessage, pushed, warn);
    return 0;
  },
};
