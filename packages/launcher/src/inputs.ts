import { readdirSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Log } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { makeFolders } from "shared/fs/folders";
import { cannotRead, creatingFolder } from "shared/fs/path-failure";
import { systemCode } from "shared/fs/system-error";
import { type InitMarker, parseFailureMarker, parseInitMarker, SHARE } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import { copyTree } from "./outputs/copy-tree.ts";
import { type SidecarTimeout, waitForSidecar } from "./sidecar-wait.ts";

/**
 * Waits until the sidecar has prepared the run, and returns the sidecar's init marker. Throws `noInput` with the reason
 * if the pull failed, or if the sidecar died and no new sidecar started in time. Throws the reason of `signal` if
 * `signal` aborts.
 */
export async function waitForInit(
  volume: SharedVolume,
  timeout: SidecarTimeout,
  signal: AbortSignal,
  log: Log,
  warn: Log,
): Promise<InitMarker> {
  const init = join(volume.folder, SHARE.init);
  log(init);
  const check = async () => {
    const marker = await volume.read(SHARE.init, parseInitMarker);
    // Ignores a marker that a launcher wrote. Such a marker comes from an earlier step, whose launcher did not wait for
    // a sidecar. When the sidecar of this step has prepared the run, it replaces this marker.
    if (marker !== undefined && marker.by !== "launcher") return marker;
    const failure = await volume.read(SHARE.initFailed, parseFailureMarker);
    if (failure === undefined) return undefined;
    throw notPulled(failure.error);
  };
  const markers = { [SHARE.init]: parseInitMarker, [SHARE.initFailed]: parseFailureMarker };
  const result = { event: "the inputs", markers, check, failure: notPulled };
  const marker = await waitForSidecar(volume, result, { signal, log }, timeout, warn);
  log(`Found existing path ${init}`);
  return marker;
}

function notPulled(why: string): ToolError {
  return new ToolError("noInput", "cannot run the command: the inputs were not pulled", { why });
}

/**
 * Copies all pulled inputs into the folder `input`, and creates this folder if it is missing. Files and folders with a
 * leading dot in their names are copied too. Throws `cannotCreate` with the path if a file or folder cannot be written.
 */
export async function placeInputs(share: string, input: string, warn: Log): Promise<void> {
  const inputs = join(share, SHARE.inputs);
  const names = namesIn(inputs);
  creatingFolder(input, () => makeFolders(input));
  if (names.length === 0 || realpathSync(input) === realpathSync(inputs)) return;
  for (const name of names)
    await copyTree(join(inputs, name), join(resolve(input), name), { warn, writeFailure: "cannotCreate" });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw cannotRead(folder, error);
  }
}
