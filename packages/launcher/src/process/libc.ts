import { dlopen } from "node:ffi";
import { constants } from "node:os";

/** Functions of the C library that Node does not offer. */
const { functions: libc } = dlopen("libc.so.6", {
  ioctl: { arguments: ["int32", "uint64", "buffer"], return: "int32" },
  pipe2: { arguments: ["buffer", "int32"], return: "int32" },
  pthread_sigmask: { arguments: ["int32", "buffer", "pointer"], return: "int32" },
  waitpid: { arguments: ["int32", "buffer", "int32"], return: "int32" },
});

const SIG_UNBLOCK = 1;
const SIGSET_SIZE = 128;
const O_CLOEXEC = 0o2000000;
const WNOHANG = 1;
const FIONREAD = 0x541bn;

/**
 * Unblocks a signal (pthread_sigmask(3)). If the signal arrived while it was blocked, the kernel delivers the signal
 * now. Node blocks SIGUSR1 at startup. With `--disable-sigusr1`, Node never unblocks this signal.
 */
export function unblockSignal(signal: NodeJS.Signals): void {
  const bit = constants.signals[signal] - 1;
  const set = Buffer.alloc(SIGSET_SIZE);
  set[bit >> 3] = 1 << (bit & 7);
  if (libc.pthread_sigmask(SIG_UNBLOCK, set, 0n) !== 0) throw new Error(`cannot unblock ${signal}`);
}

/**
 * Opens a pipe of the kernel (pipe(2)). By default, Node connects a child through sockets. But an application cannot
 * open `/dev/stdout` if its stdout is a socket. Throws if no file descriptor is free.
 */
export function openPipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const ends = Buffer.alloc(8);
  if (libc.pipe2(ends, O_CLOEXEC) !== 0) throw new Error("cannot open a pipe");
  return { readEnd: ends.readInt32LE(0), writeEnd: ends.readInt32LE(4) };
}

/** Returns the number of unread bytes in a pipe (FIONREAD, ioctl_tty(2)). */
export function bytesWaiting(readEnd: number): number {
  const count = Buffer.alloc(4);
  if (libc.ioctl(readEnd, FIONREAD, count) !== 0) throw new Error("cannot count the bytes in a pipe");
  return count.readInt32LE(0);
}

/** A child that has ended. `status` has the format of wait(2). */
export interface EndedChild {
  readonly pid: number;
  readonly status: number;
}

/** The value of `pid` that stands for any child of this process (waitpid(2)). */
export const ANY_CHILD = -1;

/**
 * Reaps the child `pid` with waitpid(2). If `pid` is {@link ANY_CHILD}, reaps any child that has ended. Returns
 * undefined if there is no ended child. Throws if `pid` is not a child of this process, or was reaped before.
 */
export function reapChild(pid: number): EndedChild | undefined {
  const status = Buffer.alloc(4);
  const found = libc.waitpid(pid, status, WNOHANG);
  if (found < 0 && pid !== ANY_CHILD) throw new Error(`cannot wait for the child process ${pid}`);
  return found <= 0 ? undefined : { pid: found, status: status.readInt32LE(0) };
}
