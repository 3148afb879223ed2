import { readdirSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Log } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf, systemCode } from "shared/fs/system-error";
import { makeFolders } from "shared/fs/folders";
import { parseFailureMarker, parseInitMarker, SHARE } from "shared/pod/markers";
import type { SharedVolume } from "shared/pod/shared-volume";
import { copyTree } from "./outputs/copy-tree.ts";
import { type Patience, untilSidecar } from "./sidecar-wait.ts";

/**
 * Waits until the sidecar has brought the inputs. Throws `noInput` with the reason if it could not or is gone for good,
 * and the signal's reason when that aborts.
 */
export async function waitForInit(
  volume: SharedVolume,
  patience: Patience,
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  const init = join(volume.folder, SHARE.init);
  const notBrought = (why: string) =>
    new ToolError("noInput", "the inputs could not be brought, the command is not run", { why });
  log(init);
  const look = async () => {
    const marker = await volume.read(SHARE.init, parseInitMarker);
    // One that a launcher wrote is left from a step without inputs: the sidecar of this one has yet to come.
    if (marker !== undefined && marker.by !== "launcher") return true;
    const failure = await volume.read(SHARE.initFailed, parseFailureMarker);
    if (failure === undefined) return undefined;
    throw notBrought(failure.error);
  };
  await untilSidecar(volume, look, { names: [SHARE.init, SHARE.initFailed], signal, log }, patience, notBrought);
  log(`Found existing path ${init}`);
}

/**
 * Puts what the sidecar brought into a folder, names with a leading dot included; the folder is made where it is
 * missing. Throws `cannotCreate` for what can't be written there, naming it.
 */
export async function placeInputs(share: string, input: string, warn: Log): Promise<void> {
  const inputs = join(share, SHARE.inputs);
  const names = namesIn(inputs);
  try {
    makeFolders(input);
  } catch (error) {
    throw new ToolError("cannotCreate", `cannot create ${input}`, { why: reasonOf(error), cause: error });
  }
  if (names.length === 0 || realpathSync(input) === realpathSync(inputs)) return;
  for (const name of names)
    await copyTree(join(inputs, name), join(resolve(input), name), { warn, writeFailure: "cannotCreate" });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw new ToolError("noInput", `cannot read ${folder}`, { why: reasonOf(error), cause: error });
  }
}
