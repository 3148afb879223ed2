import { closeSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { cannotWrite } from "shared/fs/path-failure";
import { bytesWaiting, openPipe } from "./libc.ts";

/** A file that receives a copy of a stream. The tee closes the file. */
export interface TeeFile {
  readonly path: string;
  readonly handle: FileHandle;
}

/** Copies a stream of an application to the launcher's own stream and to files. */
export interface Tee {
  /** The file descriptor that the application writes to. It belongs to a pipe. */
  readonly writeEnd: number;
  /** Closes this process's copy of `writeEnd`. Call this after the application has started. */
  closeWriteEnd(): void;
  /**
   * Call this after the application has ended. Reads the rest of the application's output, and closes the files. Does
   * not wait for a slow reader of the launcher's own stream, or for other processes that still have the pipe open.
   * Returns the number of copied bytes. Throws `copyFailed` with the path if a file could not be written.
   */
  finish(): Promise<number>;
  /**
   * Call this after {@link Tee.finish}. Waits until the launcher's own stream has received all bytes, or until `signal`
   * aborts.
   */
  flush(signal: AbortSignal): Promise<void>;
}

/**
 * Opens a tee to the launcher's own stream and to files. The tee copies one chunk at a time. Therefore, a slow reader
 * of the launcher's own stream slows down the application. If this reader disconnects, the tee closes the pipe, and the
 * next write of the application fails. Without a tee, a slow or disconnected reader would have the same effects on the
 * application. If one file cannot be written, the tee still copies everything to the other files. Throws if no file
 * descriptor is free.
 */
export function openTee(own: Writable, files: readonly TeeFile[]): Tee {
  return new PipeTee(own, files);
}

class PipeTee implements Tee {
  readonly writeEnd: number;
  readonly #readEnd: number;
  readonly #source: Socket;
  readonly #closed: Promise<void>;
  readonly #own: Writable;
  readonly #files: readonly TeeFile[];
  readonly #failures = new Map<TeeFile, unknown>();
  /** Resolves when the application has ended. After that, the tee does not wait for a slow reader. */
  readonly #ended = Promise.withResolvers<true>();
  /**
   * Resolves when the newest chunk is written to the launcher's own stream. The value is false if the reader of this
   * stream has disconnected.
   */
  #written: Promise<boolean> = Promise.resolve(true);
  /** The number of bytes that were copied. */
  #copied = 0;
  /** The total number of bytes to copy. The value is infinite until the application has ended. */
  #limit = Number.POSITIVE_INFINITY;

  constructor(own: Writable, files: readonly TeeFile[]) {
    const { readEnd, writeEnd } = openPipe();
    this.writeEnd = writeEnd;
    this.#readEnd = readEnd;
    this.#own = own;
    this.#files = files;
    this.#source = new Socket({ fd: readEnd, readable: true, writable: false });
    this.#closed = new Promise<void>((resolve) => this.#source.once("close", () => resolve()));
    // After an error, nothing more can be read from the pipe.
    this.#source.on("error", () => this.#source.destroy());
    this.#source.on("data", (chunk: Buffer) => {
      this.#source.pause();
      const rest = this.#limit - this.#copied;
      void this.#copy(chunk.length > rest ? chunk.subarray(0, rest) : chunk);
    });
  }

  closeWriteEnd(): void {
    closeSync(this.writeEnd);
  }

  async finish(): Promise<number> {
    // The application has ended. Its complete output is the bytes that were already read, plus the bytes that are still
    // in the pipe.
    if (!this.#source.destroyed) this.#limit = this.#source.bytesRead + bytesWaiting(this.#readEnd);
    if (this.#copied >= this.#limit) this.#source.destroy();
    this.#ended.resolve(true);
    await this.#closed;
    for (const file of this.#files) await file.handle.close().catch((error) => this.#fail(file, error));
    for (const [{ path }, error] of this.#failures) throw cannotWrite(path, error, "copyFailed");
    return this.#copied;
  }

  async flush(signal: AbortSignal): Promise<void> {
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve());
    await Promise.race([this.#written, aborted]);
  }

  async #copy(chunk: Buffer): Promise<void> {
    for (const file of this.#files)
      if (!this.#failures.has(file)) await file.handle.appendFile(chunk).catch((error) => this.#fail(file, error));
    this.#written = write(this.#own, chunk);
    const connected = await Promise.race([this.#ended.promise, this.#written]);
    this.#copied += chunk.length;
    if (!connected || this.#copied >= this.#limit) this.#source.destroy();
    else this.#source.resume();
  }

  /** Keeps only the first failure of each file. */
  #fail(file: TeeFile, error: unknown): void {
    if (!this.#failures.has(file)) this.#failures.set(file, error);
  }
}

/** Writes a chunk. Resolves to false if the reader has disconnected. */
function write(stream: Writable, chunk: Buffer): Promise<boolean> {
  return new Promise((resolve) => stream.write(chunk, (error) => resolve(error == null)));
}
