import { isDeepStrictEqual } from "node:util";
import { type ArtifactRecord, type InitMarker, parseInitMarker, SHARE } from "shared/pod/markers";
import { formatReference } from "../oci/reference.ts";
import { formatInput, isTagPattern } from "../oci/tag-pattern.ts";
import type { FoundInput, SidecarContext, SidecarOptions, SidecarSteps } from "./sidecar-context.ts";
import { writeFailure } from "./write-failure.ts";

/**
 * Prepares a run: finds and pulls the inputs, and writes the init marker. Also pulls the newest checkpoint if the plan
 * resumes runs. If the plan skips finished runs and the output of the run is already in the registry, this function
 * pulls nothing. In this case, the init marker tells the launcher to skip the run. Returns the artifacts of the inputs.
 * If the preparation fails, this function writes the failure to the init-failed marker, and then throws the failure.
 */
export async function prepareRun(
  options: SidecarOptions,
  context: SidecarContext,
  steps: SidecarSteps,
): Promise<readonly ArtifactRecord[]> {
  const { volume } = context;
  // An earlier sidecar may have failed because of its command line. That failure does not apply to this sidecar.
  await volume.remove(SHARE.initFailed);
  const previous = await volume.read(SHARE.init, parseInitMarker);
  // After a restart of the sidecar, the inputs may already be in place. The sidecar must not pull these inputs again,
  // because the application may be reading them.
  if (previous !== undefined && isUsable(previous, options)) return previous.inputs;
  await volume.remove(SHARE.init);
  try {
    const marker = await prepare(options, context, steps);
    await volume.write(SHARE.init, marker);
    return marker.inputs;
  } catch (error) {
    await writeFailure(context, SHARE.initFailed, null, error);
    throw error;
  }
}

async function prepare(options: SidecarOptions, { warn }: SidecarContext, steps: SidecarSteps): Promise<InitMarker> {
  const found = options.pullFrom.length === 0 ? [] : await steps.findInputs();
  const inputs = found.map(recordOf);
  const sources = options.pullFrom.some(isTagPattern) ? { sources: sourcesOf(options) } : {};
  const marker: InitMarker = { schema: 1, by: "sidecar", inputs, ...sources };
  const done = options.skipDone ? await steps.findFinishedRun(inputs) : undefined;
  if (done !== undefined) {
    warn(
      `skipped the run: ${done.reference} is already the output of a successful run with the same inputs and --cache-key`,
    );
    return { ...marker, done };
  }
  if (found.length > 0) await steps.pull(found);
  if (options.resume === undefined) return marker;
  return { ...marker, resume: options.resume, ...(await steps.pullCheckpoint(inputs)) };
}

/**
 * Whether an init marker lists the inputs that the plan requests. If the plan can skip or resume a run, the result is
 * false for a marker from a launcher. Such a marker lacks the fields about skipping and resuming.
 */
function isUsable({ by, inputs, sources }: InitMarker, options: SidecarOptions): boolean {
  if (by === "launcher" && (options.skipDone || options.resume !== undefined)) return false;
  return isDeepStrictEqual(sources ?? inputs.map(({ reference }) => reference), sourcesOf(options));
}

function sourcesOf({ pullFrom }: SidecarOptions): string[] {
  return pullFrom.map(formatInput);
}

function recordOf({ reference, digest }: FoundInput): ArtifactRecord {
  return { reference: formatReference(reference), digest };
}
