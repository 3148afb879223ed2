import { constants, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Writable } from "node:stream";
import { makeFolders, makeSharedFolders } from "shared/fs/folders";
import { cannotWrite, creatingFolder } from "shared/fs/path-failure";
import { openRegular } from "shared/fs/regular-file";
import { type OutputRecord, SHARE } from "shared/pod/markers";
import type { Tee, TeeFile } from "./tee.ts";

/** Where to save the application's stdout and stderr. */
export interface StreamPlan {
  /** The folder of the shared volume. */
  readonly share: string;
  /** Path of a file that receives a copy of stdout. The value is undefined if no copy is needed. */
  readonly outputPipe: string | undefined;
  /** Whether to save both streams on the shared volume, under the names in {@link LOG_NAMES}. */
  readonly logs: boolean;
}

/** The streams that can be saved. */
const STREAMS = ["stdout", "stderr"] as const;

/** The file names of the streams in the folder of the logs. */
export const LOG_NAMES = { stdout: "stdout.log", stderr: "stderr.log" } as const;

/** The streams of an application while it runs. */
export interface Streams {
  /** A tee for each stream that is saved. */
  readonly tees: { readonly stdout?: Tee; readonly stderr?: Tee };
  /** Completes the saved logs, and returns them. Call this after the application has ended, see {@link Tee.finish}. */
  finish(): Promise<OutputRecord[]>;
  /** Waits until the launcher's own streams have received all bytes, see {@link Tee.flush}. */
  flush(signal: AbortSignal): Promise<void>;
}

/**
 * Opens the files for the streams of an application. Throws `cannotCreate` with the path if a file cannot be opened.
 */
export async function openStreams(
  plan: StreamPlan,
  own: { readonly stdout: Writable; readonly stderr: Writable },
): Promise<Streams> {
  const tees: { stdout?: Tee; stderr?: Tee } = {};
  for (const name of STREAMS) {
    const files = await openFiles(plan, name);
    if (files.length === 0) continue;
    const { openTee } = await import("./tee.ts");
    tees[name] = openTee(own[name], files);
  }
  return {
    tees,
    finish: async () => {
      const sizes = await Promise.all(STREAMS.map(async (name) => (await tees[name]?.finish()) ?? 0));
      return plan.logs ? STREAMS.map((name, index) => logRecord(name, sizes[index] ?? 0)) : [];
    },
    flush: async (signal) => {
      await Promise.all(STREAMS.map((name) => tees[name]?.flush(signal)));
    },
  };
}

function logRecord(name: (typeof STREAMS)[number], bytes: number): OutputRecord {
  return { path: join(SHARE.logs, LOG_NAMES[name]), files: 1, bytes };
}

async function openFiles(plan: StreamPlan, name: (typeof STREAMS)[number]): Promise<TeeFile[]> {
  const files: TeeFile[] = [];
  if (name === "stdout" && plan.outputPipe !== undefined) files.push(await openOutputPipe(plan.outputPipe));
  if (plan.logs) files.push(await openLog(plan.share, LOG_NAMES[name]));
  return files;
}

/**
 * Opens and truncates the file of `--output-pipe`. Rejects pipes and devices, because a write to a pipe or a device
 * might never finish.
 */
async function openOutputPipe(path: string): Promise<TeeFile> {
  return opening(path, async () => {
    makeFolders(dirname(path));
    return openRegular(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o666);
  });
}

/**
 * Creates a new file that every user can read. If an earlier attempt left a file, removes this old file instead of
 * overwriting it, because a sidecar may still be reading the old file.
 */
async function openLog(share: string, name: string): Promise<TeeFile> {
  const folder = join(share, SHARE.logs);
  const path = join(folder, name);
  creatingFolder(folder, () => makeSharedFolders(folder));
  return opening(path, async () => {
    rmSync(path, { force: true });
    const file = await open(path, "wx", 0o644);
    await file.chmod(0o644);
    return file;
  });
}

async function opening(path: string, open: () => Promise<FileHandle>): Promise<TeeFile> {
  try {
    return { path, handle: await open() };
  } catch (error) {
    throw cannotWrite(path, error);
  }
}
