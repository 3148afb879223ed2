import { rm } from "node:fs/promises";
import { join } from "node:path";
import { silent } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { makeSharedFolders } from "shared/fs/folders";
import { grantReadAccess } from "shared/fs/read-access";
import { SHARE } from "shared/pod/markers";
import { mapConcurrently } from "../artifact/concurrency.ts";
import { plainProgress } from "../artifact/progress.ts";
import { type PullOptions, pull } from "../artifact/pull.ts";
import { withStaging } from "../artifact/staging.ts";
import type { TransferContext } from "../artifact/transfer.ts";
import { formatReference } from "../oci/reference.ts";
import { InputSearch } from "./find-inputs.ts";
import { waitForInputs } from "./input-wait.ts";
import type { FoundInput } from "./sidecar-context.ts";
import type { SidecarPlan } from "./sidecar-plan.ts";

/**
 * Finds all inputs of a step in the registry. With an input timeout, this function waits for missing inputs. If inputs
 * are still missing after the timeout, this function throws `timedOut` with their names. Without an input timeout, this
 * function throws `registry` if an input is missing.
 */
export async function findInputs(plan: SidecarPlan, context: TransferContext): Promise<FoundInput[]> {
  const search = await InputSearch.open(plan, context);
  if (plan.inputTimeoutSeconds !== undefined)
    await waitForInputs(() => search.missing(), plan.inputTimeoutSeconds, context.signal, context.warn);
  else {
    const [first] = await search.missing();
    if (first !== undefined) throw new ToolError("registry", `cannot find the input ${first}`);
  }
  return search.found();
}

/**
 * Empties the folder `inputs/` of the volume, and pulls inputs into this folder. If a pattern matched an input, this
 * input gets its own subfolder. The tag of the input is the name of the subfolder. Pulls several of these inputs at the
 * same time, but transfers at most `concurrency` layers at once. All other inputs are pulled one after the other.
 */
export async function pullInputs(
  found: readonly FoundInput[],
  plan: SidecarPlan,
  context: TransferContext,
): Promise<void> {
  const folder = join(plan.share, SHARE.inputs);
  // Removes the files of an earlier pull. Otherwise, these files would count as inputs.
  await rm(folder, { recursive: true, force: true });
  makeSharedFolders(folder);
  // Inputs without a subfolder may contain the same path. Therefore, they are pulled in the order of the command line.
  // The files of a later input then replace the files of an earlier input.
  for (const input of found.filter(({ subfolder }) => subfolder === undefined))
    await pullInput(input, { folder, concurrency: plan.concurrency }, context);
  const tagged = found.filter(({ subfolder }) => subfolder !== undefined);
  const atOnce = Math.max(1, Math.min(plan.concurrency, tagged.length));
  const concurrency = Math.floor(plan.concurrency / atOnce);
  await withStaging(folder, (staging) =>
    mapConcurrently(tagged, atOnce, async (input) => {
      // A pattern can match hundreds of artifacts. Therefore, the log has only two lines for each artifact.
      const report = context.progress.download(formatReference(input.reference), { digest: input.digest, size: 0 });
      const place = { folder: join(folder, input.subfolder ?? ""), staging, concurrency };
      await pullInput(input, place, { ...context, progress: plainProgress(silent) });
      report.done({ digest: input.digest, size: 0 });
    }),
  );
  // The application often runs as a different user than the sidecar, and must be able to read the inputs.
  grantReadAccess(folder, (_, failure) => {
    throw failure;
  });
}

async function pullInput(
  { reference, digest, source }: FoundInput,
  place: Pick<PullOptions, "folder" | "staging" | "concurrency">,
  { progress, warn }: TransferContext,
): Promise<void> {
  await pull(source, formatReference(reference), digest, { ...place, keepOldFiles: false, progress, warn });
}
