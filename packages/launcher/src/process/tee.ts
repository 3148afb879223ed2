import { closeSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf } from "shared/fs/system-error";
import { bytesWaiting, openPipe } from "./libc.ts";

/** A file that a tee writes to; it is the tee's to close. */
export interface TeeFile {
  readonly path: string;
  readonly handle: FileHandle;
}

/** A stream of an application that goes on to the launcher's own, and to files. */
export interface Tee {
  /** The file descriptor for the application, a pipe. */
  readonly writeEnd: number;
  /** Closes this process' write end: to be called once the application has its own. */
  handOver(): void;
  /**
   * To be called when the application has ended: reads what it wrote to its end, whether or not the reader of the
   * launcher's own stream keeps up, and closes the files; gives the number of bytes. What others who still hold the pipe
   * write from now on is not waited for. Throws `copyFailed`, naming the file that could not be written.
   */
  finish(): Promise<number>;
  /** Waits, after {@link Tee.finish}, until the launcher's own stream has it all too, or `signal` aborts. */
  flush(signal: AbortSignal): Promise<void>;
}

/**
 * Opens a tee to `through` and `files`. One chunk is passed on at a time: a slow reader holds the application back as it
 * would without a tee. When the reader of `through` goes away the pipe is closed, so that the application's next write
 * meets what it would have met. A file that can't be written is left behind, the others go on.
 */
export function openTee(through: Writable, files: readonly TeeFile[]): Tee {
  const { readEnd, writeEnd } = openPipe();
  const source = new Socket({ fd: readEnd, readable: true, writable: false });
  const ended = Promise.withResolvers<true>();
  const failures = new Map<TeeFile, unknown>();
  let written: Promise<boolean> = Promise.resolve(true);
  let passed = 0;
  let limit = Number.POSITIVE_INFINITY;

  const closed = new Promise<void>((resolve) => source.once("close", () => resolve()));
  // A pipe's error is its end: there is no more to be had from it.
  source.on("error", () => source.destroy());
  source.on("data", (chunk: Buffer) => {
    source.pause();
    void pass(chunk.length > limit - passed ? chunk.subarray(0, limit - passed) : chunk);
  });

  async function pass(chunk: Buffer): Promise<void> {
    for (const file of files) await writeFile(file, chunk);
    written = write(through, chunk);
    const goOn = await Promise.race([ended.promise, written]);
    passed += chunk.length;
    if (!goOn || passed >= limit) source.destroy();
    else source.resume();
  }

  async function writeFile(file: TeeFile, chunk: Buffer): Promise<void> {
    if (failures.has(file)) return;
    await file.handle.appendFile(chunk).catch((error) => failures.set(file, error));
  }

  return {
    writeEnd,
    handOver: () => closeSync(writeEnd),
    finish: async () => {
      // All that the application wrote has been read or waits in the pipe.
      if (!source.destroyed) limit = source.bytesRead + bytesWaiting(readEnd);
      if (passed >= limit) source.destroy();
      ended.resolve(true);
      await closed;
      for (const file of files)
        await file.handle.close().catch((error) => failures.has(file) || failures.set(file, error));
      for (const [{ path }, error] of failures)
        throw new ToolError("copyFailed", `cannot write ${path}`, { why: reasonOf(error), cause: error });
      return passed;
    },
    flush: async (signal) => {
      const { promise: aborted, resolve } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => resolve());
      await Promise.race([written, aborted]);
    },
  };
}

/** Whether a chunk could be written: not where the reader has gone away. */
function write(stream: Writable, chunk: Buffer): Promise<boolean> {
  return new Promise((resolve) => stream.write(chunk, (error) => resolve(error == null)));
}
