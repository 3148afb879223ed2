import type { Log } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import type { OutputRecord } from "shared/pod/markers";
import type { LaunchSteps } from "../launch-context.ts";

/**
 * Saves all outputs, and returns the saved ones. A missing output is a warning, or throws `noInput` if the outputs are
 * `required`. They are not required of a command that failed: it need not have written them, and its own exit code counts.
 */
export async function saveOutputs(
  { resolveOutputs, save }: Pick<LaunchSteps, "resolveOutputs" | "save">,
  required: boolean,
  warn: Log,
): Promise<OutputRecord[]> {
  const saved: OutputRecord[] = [];
  for (const { output, paths } of resolveOutputs()) {
    let missing = true;
    for (const path of paths) {
      const records = await save(path);
      if (records === undefined) continue;
      missing = false;
      saved.push(...records);
    }
    if (missing) reportMissing(output, required, warn);
  }
  return saved;
}

function reportMissing(output: string, required: boolean, warn: Log): void {
  if (required) throw new ToolError("noInput", `missing output ${output}`, { why: "the command did not write it" });
  warn(`missing output ${output}`);
}
