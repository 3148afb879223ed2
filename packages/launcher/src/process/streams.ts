import { constants, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Writable } from "node:stream";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf } from "shared/fs/system-error";
import { makeFolders } from "shared/fs/folders";
import { openRegular } from "shared/fs/regular-file";
import { type OutputRecord, SHARE } from "shared/pod/markers";
import { makeSharedFolder } from "../outputs/save-output.ts";
import type { Tee, TeeFile } from "./tee.ts";

/** What is kept of the application's stdout and stderr. */
export interface StreamPlan {
  readonly share: string;
  /** Where stdout goes too; undefined for nowhere. */
  readonly outputPipe: string | undefined;
  /** Whether both are kept on the shared volume, as {@link LOG_NAMES}. */
  readonly logs: boolean;
}

/** The streams of an application, by the file descriptor that each has. */
const STREAMS = ["stdout", "stderr"] as const;

/** The names under which the streams are kept in the folder of logs. */
export const LOG_NAMES = { stdout: "stdout.log", stderr: "stderr.log" } as const;

/** The streams of an application while it runs. */
export interface Streams {
  /** A tee for each stream that is kept. */
  readonly tees: { readonly stdout?: Tee; readonly stderr?: Tee };
  /** To be called when the application has ended, see {@link Tee.finish}; gives the logs that were kept. */
  finish(): Promise<OutputRecord[]>;
  /** Waits until the launcher's own streams have it all too, see {@link Tee.flush}. */
  flush(signal: AbortSignal): Promise<void>;
}

/** Opens what the streams are to be kept in. Throws `cannotCreate`, naming the file. */
export async function openStreams(
  plan: StreamPlan,
  own: { readonly stdout: Writable; readonly stderr: Writable },
): Promise<Streams> {
  const tees: { stdout?: Tee; stderr?: Tee } = {};
  for (const name of STREAMS) {
    const files: TeeFile[] = [];
    if (name === "stdout" && plan.outputPipe !== undefined)
      files.push({ path: plan.outputPipe, handle: await openFile(plan.outputPipe) });
    if (plan.logs) files.push(await openLog(plan.share, LOG_NAMES[name]));
    if (files.length === 0) continue;
    const { openTee } = await import("./tee.ts");
    tees[name] = openTee(own[name], files);
  }
  return {
    tees,
    finish: async () => {
      const sizes = await Promise.all(STREAMS.map((name) => tees[name]?.finish() ?? 0));
      if (!plan.logs) return [];
      return STREAMS.map((name, index) => ({
        path: join(SHARE.logs, LOG_NAMES[name]),
        files: 1,
        bytes: sizes[index] ?? 0,
      }));
    },
    flush: async (signal) => {
      await Promise.all(STREAMS.map((name) => tees[name]?.flush(signal)));
    },
  };
}

/** The user's file, emptied. Where a pipe or a device is in its place, nobody knows whether it will ever take a byte. */
async function openFile(path: string): Promise<FileHandle> {
  return creating(path, async () => {
    makeFolders(dirname(path));
    return openRegular(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o666);
  });
}

/** A new file: a sidecar that is still reading one of an earlier attempt is not disturbed. Everyone may read it. */
async function openLog(share: string, name: string): Promise<TeeFile> {
  const folder = join(share, SHARE.logs);
  const path = join(folder, name);
  makeSharedFolder(folder);
  const handle = await creating(path, async () => {
    rmSync(path, { force: true });
    const file = await open(path, "wx", 0o644);
    await file.chmod(0o644);
    return file;
  });
  return { path, handle };
}

async function creating<T>(path: string, create: () => Promise<T>): Promise<T> {
  try {
    return await create();
  } catch (error) {
    throw new ToolError("cannotCreate", `cannot write ${path}`, { why: reasonOf(error), cause: error });
  }
}
