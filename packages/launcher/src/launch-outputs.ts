import type { Log } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import type { OutputRecord } from "shared/pod/markers";
import type { LaunchSteps } from "./launch-context.ts";
import { OutputFailures } from "./outputs/output-failures.ts";
import type { ResolvedOutput } from "./outputs/output-paths.ts";
import type { Progress } from "./progress.ts";

/**
 * Saves all outputs that can be saved. Records the saved outputs and the lost paths in `progress`. If one path was
 * lost, throws the failure of this path. If several paths were lost, throws a summary of their failures. If `required`
 * is true, a missing output counts as a lost path. If `required` is false, a missing output only causes a warning. Set
 * `required` to false after a failed command, because the command may not have written all outputs.
 */
export async function saveOutputs(steps: LaunchSteps, required: boolean, progress: Progress, warn: Log): Promise<void> {
  const failures = new OutputFailures(required, warn);
  const saved: OutputRecord[] = [];
  for (const output of steps.resolveOutputs(failures)) saved.push(...(await saveResolved(output, steps, failures)));
  progress.outputs = saved;
  const failure = failures.summary();
  if (failure === undefined) return;
  progress.lost = failures;
  for (const line of failures.lines()) warn(line);
  throw failure;
}

async function saveResolved(
  { output, paths, folder }: ResolvedOutput,
  steps: LaunchSteps,
  failures: OutputFailures,
): Promise<OutputRecord[]> {
  const { path: name, mediaType } = output;
  const saved: OutputRecord[] = [];
  let missing = true;
  const save = async (path: string, save: () => Promise<readonly OutputRecord[] | undefined>) => {
    const records = await attempt(path, save, failures);
    if (records !== undefined) missing = false;
    saved.push(...(records ?? []).map((record) => ({ ...record, ...(mediaType && { mediaType }) })));
  };
  if (folder !== undefined) await save(name, () => steps.saveTogether(folder, paths, failures));
  else for (const path of paths) await save(path, () => steps.save(path, failures));
  if (missing) failures.missing(name);
  return saved;
}

/**
 * Calls `save` and returns its result. If `save` fails, reports the path with the failure, and returns an empty list.
 */
async function attempt<T>(
  path: string,
  save: () => Promise<readonly T[] | undefined>,
  { failed }: OutputFailures,
): Promise<readonly T[] | undefined> {
  try {
    return await save();
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    failed(path, error);
    return [];
  }
}
