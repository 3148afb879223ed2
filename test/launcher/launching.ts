import assert from "node:assert/strict";
import type { SpawnOptions } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DoneMarker, parseDoneMarker, SHARE } from "shared/pod/markers";
import { type ProcessResult, type RunningProcess, startTool } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** The folders of a test with the built launcher. */
export interface Places {
  /** The working directory of the launcher. */
  readonly folder: string;
  /** The shared volume, which is a folder in `folder`. */
  readonly share: string;
}

/** Creates the folders of a test, and removes them after the test. */
export function places(context: { after(clean: () => void): void }): Places {
  const folder = temporaryFolder(context);
  const share = join(folder, "share");
  mkdirSync(share);
  return { folder, share };
}

/** Starts the launcher with `--quiet`. Its working directory is the folder that contains the share. */
export function startLauncher(
  { folder, share }: Places,
  args: readonly string[],
  options: SpawnOptions = {},
): RunningProcess {
  return startTool("launcher", ["-q", "--share", share, ...args], { cwd: folder, ...options });
}

/** Starts the launcher as {@link startLauncher} does, and waits until the launcher ends. */
export function launch(at: Places, args: readonly string[], options: SpawnOptions = {}): Promise<ProcessResult> {
  return startLauncher(at, args, options).ended;
}

/** Waits until a process has written `part` to stdout or stderr. Rejects if the process ends first. */
export async function waitForOutput(running: RunningProcess, part: string): Promise<void> {
  let text = "";
  await new Promise<void>((resolve, reject) => {
    const onData = (chunk: string | Buffer) => {
      text += String(chunk);
      if (text.includes(part)) resolve();
    };
    running.child.stdout?.on("data", onData);
    running.child.stderr?.on("data", onData);
    running.child.once("close", () => reject(new Error(`expected the output ${part}, found: ${text}`)));
  });
}

/** The done marker. */
export function done({ share }: Places): DoneMarker {
  return doneMarker(share, SHARE.done);
}

/** The marker of a launcher that failed. */
export function failed({ share }: Places): DoneMarker {
  return doneMarker(share, SHARE.doneFailed);
}

function doneMarker(share: string, name: string): DoneMarker {
  const content = parseDoneMarker(readFileSync(join(share, name), "utf8"));
  assert.ok(content);
  return content;
}

/** Whether a file or folder of the volume exists. */
export function has({ share }: Places, name: string): boolean {
  return existsSync(join(share, name));
}

/** Writes an empty init marker, as a sidecar does after it has pulled the inputs. */
export function writeInit({ share }: Places): void {
  writeFileSync(join(share, SHARE.init), "");
}
