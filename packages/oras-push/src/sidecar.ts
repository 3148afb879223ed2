import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { makeSharedFolders } from "wait-fs/folders";
import type { Log } from "wait-fs/log";
import { readMarker, removeMarkers, writeMarker } from "wait-fs/marker-file";
import {
  type ArtifactRecord,
  type DoneMarker,
  type FailureMarker,
  type InitMarker,
  type PushedMarker,
  parseDoneMarker,
  parseInitMarker,
  parsePushedMarker,
  SHARE,
} from "wait-fs/markers";
import { EXIT_CODES, oneLine, reasonOf, ToolError } from "wait-fs/tool-error";
import { waitUntil } from "wait-fs/wait";
import type { Annotations } from "./oci/descriptor.ts";
import { formatReference, MAX_TAG_LENGTH, type Reference } from "./oci/reference.ts";
import { runAnnotations } from "./provenance.ts";

/** How long a done marker that was there first is left alone, in milliseconds: a launcher that starts removes it. */
const SETTLE_TIME = 1000;

/** The steps of a sidecar that are not its own. */
export interface SidecarSteps {
  /** Pulls every input into a folder; gives what was pulled. */
  readonly pull: (folder: string) => Promise<ArtifactRecord[]>;
  /** Pushes paths as one artifact, with annotations beside the usual ones. */
  readonly push: (reference: Reference, paths: readonly string[], annotations: Annotations) => Promise<ArtifactRecord>;
}

/** What a sidecar is to do. */
export interface SidecarOptions {
  readonly share: string;
  /** Where to pull from; empty for no inputs. */
  readonly pullFrom: readonly Reference[];
  /** Where to push to; undefined for nowhere. */
  readonly pushTo: Reference | undefined;
  /** Ends every wait: its reason is thrown. */
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly waitLog: Log;
  readonly warn: Log;
}

/** How a sidecar's life ended. */
export interface SidecarResult {
  readonly done: DoneMarker;
  /** What was pushed; undefined where there was nothing to push. */
  readonly pushed: ArtifactRecord | undefined;
}

/**
 * The life of a sidecar: it brings the inputs, writes the init marker, waits for the launcher's done marker, pushes what
 * the launcher saved, and writes the pushed marker. The tag that was asked for names only the whole output of a run that
 * succeeded; what a failed run left goes to a tag of its own. A failure is written as a marker before it is thrown, so
 * that the launcher does not wait for what will not come.
 */
export async function runSidecar(options: SidecarOptions, steps: SidecarSteps): Promise<SidecarResult> {
  makeSharedFolder(options.share);
  const inputs = await bringInputs(options, steps);
  const done = await waitForDone(options);
  if (done.error !== null)
    throw new ToolError("noInput", "the launcher could not save the outputs, nothing is pushed", { why: done.error });
  if (options.pushTo === undefined) return { done, pushed: undefined };
  const reference = succeeded(done) ? options.pushTo : failedReference(options.pushTo);
  const pushed = await previousPush(options.share, done, reference);
  return { done, pushed: pushed ?? (await pushOutputs(options, steps, done, inputs, reference)) };
}

/** Brings the inputs and writes the init marker; gives what was brought. */
async function bringInputs(options: SidecarOptions, steps: SidecarSteps): Promise<readonly ArtifactRecord[]> {
  const { share } = options;
  const init = join(share, SHARE.init);
  const previous = await readMarker(init, parseInitMarker);
  const wanted = options.pullFrom.map(formatReference);
  // After a restart the inputs are there already, and the application may be reading them.
  if (
    previous !== undefined &&
    isDeepStrictEqual(
      previous.inputs.map(({ reference }) => reference),
      wanted,
    )
  )
    return previous.inputs;
  await removeMarkers(share, [SHARE.init, SHARE.initFailed]);
  try {
    const inputs = wanted.length === 0 ? [] : await pullInputs(options, steps);
    await writeMarker(init, { schema: 1, by: "sidecar", inputs } satisfies InitMarker);
    return inputs;
  } catch (error) {
    await leaveFailure(options, SHARE.initFailed, null, error);
    throw error;
  }
}

async function pullInputs({ share }: SidecarOptions, steps: SidecarSteps): Promise<ArtifactRecord[]> {
  const folder = join(share, SHARE.inputs);
  makeSharedFolder(folder);
  return steps.pull(folder);
}

/**
 * The done marker of the attempt that is running, or of the one that has ended. One that was there before us may be left
 * from an earlier attempt of a launcher that is about to start: it counts if none has removed it after a short while.
 */
async function waitForDone({ share, signal, waitLog }: SidecarOptions): Promise<DoneMarker> {
  const paths = [join(share, SHARE.done), join(share, SHARE.doneFailed)];
  const look = async () => {
    for (const path of paths) {
      const marker = await readMarker(path, parseDoneMarker);
      if (marker !== undefined) return { marker, path };
    }
    return undefined;
  };
  waitLog(paths[0] as string);
  if ((await look()) !== undefined)
    await sleep(SETTLE_TIME, undefined, { signal }).catch(() => signal.throwIfAborted());
  const { marker, path } = await waitUntil(look, { paths, signal, log: waitLog });
  waitLog(`Found existing path ${path}`);
  return marker;
}

/** Whether a run succeeded; one of which nothing is known counts as if it had. */
function succeeded(done: DoneMarker): boolean {
  return (done.exitCode === null || done.exitCode === 0) && done.reason === null;
}

/** Where the outputs of a failed run go: the tag with `-failed` behind it. */
function failedReference(reference: Reference): Reference {
  const suffix = "-failed";
  return { ...reference, tag: `${(reference.tag ?? "latest").slice(0, MAX_TAG_LENGTH - suffix.length)}${suffix}` };
}

/** What was pushed before a restart of this sidecar: the same attempt's outputs are not pushed to the same place again. */
async function previousPush(share: string, done: DoneMarker, reference: Reference): Promise<PushedMarker | undefined> {
  const pushed = await readMarker(join(share, SHARE.pushed), parsePushedMarker);
  if (pushed === undefined || done.attempt === null) return undefined;
  return pushed.attempt === done.attempt && pushed.reference === formatReference(reference) ? pushed : undefined;
}

async function pushOutputs(
  options: SidecarOptions,
  steps: SidecarSteps,
  done: DoneMarker,
  inputs: readonly ArtifactRecord[],
  to: Reference,
): Promise<ArtifactRecord> {
  const { share } = options;
  try {
    const paths = [...outputPaths(share, done), ...logPaths(share, done)];
    const pushed = await steps.push(to, paths, runAnnotations(done, inputs));
    const { reference, digest } = pushed;
    const finishedAt = new Date().toISOString();
    const marker: PushedMarker = { schema: 1, attempt: done.attempt, reference, digest, finishedAt };
    await writeMarker(join(share, SHARE.pushed), marker);
    return pushed;
  } catch (error) {
    await leaveFailure(options, SHARE.pushFailed, done.attempt, error);
    throw error;
  }
}

/** What the launcher saved; where it does not say, all that lies in the outputs folder but names with a leading dot. */
function outputPaths(share: string, done: DoneMarker): string[] {
  if (done.outputs !== null) return done.outputs.map(({ path }) => resolve(share, path));
  const folder = join(share, SHARE.outputs);
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith("."))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    throw new ToolError("noInput", `cannot read ${folder}`, { why: reasonOf(error), cause: error });
  }
}

/** What the launcher kept of the application's stdout and stderr. */
function logPaths(share: string, done: DoneMarker): string[] {
  return done.logs.map(({ path }) => resolve(share, path));
}

async function leaveFailure(
  options: SidecarOptions,
  name: string,
  attempt: string | null,
  error: unknown,
): Promise<void> {
  const known = error instanceof ToolError ? error : undefined;
  const why = known?.why === undefined ? "" : ` (${known.why})`;
  const exitCode = (error as { exitCode?: number }).exitCode ?? EXIT_CODES.software;
  const marker: FailureMarker = { schema: 1, attempt, exitCode, error: oneLine(`${(error as Error).message}${why}`) };
  // The first failure is the one to tell: a marker that can't be written as well is only named.
  await writeMarker(join(options.share, name), marker).catch((second: Error) => options.warn(second.message));
}

/** Makes a folder of the shared volume, or that itself in a trial on one machine: both sides write to it, with any umask. */
function makeSharedFolder(path: string): void {
  try {
    makeSharedFolders(path);
  } catch (error) {
    throw new ToolError("cannotCreate", `cannot create ${path}`, { why: reasonOf(error), cause: error });
  }
}
