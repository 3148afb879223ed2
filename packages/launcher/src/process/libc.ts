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
 * Unblocks a signal (pthread_sigmask(3)). A signal that arrived while it was blocked is then delivered. Node blocks SIGUSR1
 * at its start, and never unblocks it with `--disable-sigusr1`.
 */
export function unblockSignal(signal: NodeJS.Signals): void {
  const bit = constants.signals[signal] - 1;
  const set = Buffer.alloc(SIGSET_SIZE);
  set[bit >> 3] = 1 << (bit & 7);
  if (libc.pthread_sigmask(SIG_UNBLOCK, set, 0n) !== 0) throw new Error(`cannot unblock ${signal}`);
}

/**
 * Opens a pipe of the kernel (pipe(2)). Node itself gives sockets to a child, but an application cannot open
 * `/dev/stdout` if it is a socket. Throws if no file descriptor is free.
 */
export function openPipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const ends = Buffer.alloc(8);
  if (libc.pipe2(ends, O_CLOEXEC) !== 0) throw new Error("cannot open a pipe");
  return { readEnd: ends.readInt32LE(0), writeEnd: ends.readInt32LE(4) };
}

/** The number of unread bytes in a pipe (FIONREAD, ioctl_tty(2)). */
export function bytesWaiting(readEnd: number): number {
  const count = Buffer.alloc(4);
  if (libc.ioctl(readEnd, FIONREAD, count) !== 0) throw new Error("cannot count the bytes in a pipe");
  return count.readInt32LE(0);
}

/**
 * Reaps a child (waitpid(2)) and returns its wait status; undefined while the child runs. Throws if there is no such
 * child, or if it was reaped before.
 */
export function waitStatus(pid: number): number | undefined {
  const status = Buffer.alloc(4);
  const found = libc.waitpid(pid, status, WNOHANG);
  if (found < 0) throw new Error(`cannot wait for the child process ${pid}`);
  return found === 0 ? undefined : status.readInt32LE(0);
}
