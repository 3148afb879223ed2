import { dlopen } from "node:ffi";
import { constants } from "node:os";

/** What Node itself has no call for is asked of the C library that it is linked with. */
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
 * Lets a blocked signal through, one that has come meanwhile included: Node blocks SIGUSR1 when it starts, and with
 * `--disable-sigusr1` for good (pthread_sigmask(3)).
 */
export function unblockSignal(signal: NodeJS.Signals): void {
  const bit = constants.signals[signal] - 1;
  const set = Buffer.alloc(SIGSET_SIZE);
  set[bit >> 3] = 1 << (bit & 7);
  if (libc.pthread_sigmask(SIG_UNBLOCK, set, 0n) !== 0) throw new Error(`${signal} cannot be unblocked`);
}

/**
 * A pipe of the kernel's. The ones that Node makes for a child are sockets, and an application that opens `/dev/stdout`
 * fails with them (pipe(2)). Throws where no file descriptor is left.
 */
export function openPipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const ends = Buffer.alloc(8);
  if (libc.pipe2(ends, O_CLOEXEC) !== 0) throw new Error("a pipe cannot be made");
  return { readEnd: ends.readInt32LE(0), writeEnd: ends.readInt32LE(4) };
}

/** Bytes that wait in a pipe (FIONREAD, ioctl_tty(2)). */
export function bytesWaiting(readEnd: number): number {
  const count = Buffer.alloc(4);
  if (libc.ioctl(readEnd, FIONREAD, count) !== 0) throw new Error("a pipe does not say what is in it");
  return count.readInt32LE(0);
}

/** The status of a child that has ended, which is then forgotten; undefined while it lives (waitpid(2)). */
export function waitStatus(pid: number): number | undefined {
  const status = Buffer.alloc(4);
  const found = libc.waitpid(pid, status, WNOHANG);
  if (found < 0) throw new Error(`there is no child ${pid} to wait for`);
  return found === 0 ? undefined : status.readInt32LE(0);
}
