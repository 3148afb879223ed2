import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exitStatus } from "launcher/process/exit-status";

const failure = (code: string) => Object.assign(new Error(`spawn x ${code}`), { code });
const notStarted = (code: string) => exitStatus({ kind: "not started", error: failure(code) });

describe("exitStatus", () => {
  for (const exitCode of [0, 1, 42, 255])
    it(`is ${exitCode} after an exit with ${exitCode}`, () => {
      assert.deepEqual(exitStatus({ kind: "exited", exitCode }), { exitCode, signal: null, reason: null });
    });

  for (const [number, signal] of [
    [1, "SIGHUP"],
    [6, "SIGABRT"],
    [9, "SIGKILL"],
    [11, "SIGSEGV"],
    [15, "SIGTERM"],
    [29, "SIGIO"],
    [33, "SIG33"],
    [34, "SIGRTMIN"],
    [64, "SIGRTMIN+30"],
  ] as const)
    it(`is 128 + ${number} with the name of the signal after ${signal}`, () => {
      const status = { exitCode: 128 + number, signal, reason: null };
      assert.deepEqual(exitStatus({ kind: "signalled", signal: number }), status);
    });

  it("is 127 if the command or its interpreter is missing", () => {
    const { exitCode, signal, reason } = notStarted("ENOENT");
    assert.deepEqual({ exitCode, signal }, { exitCode: 127, signal: null });
    assert.match(reason ?? "", /not found, or its interpreter/);
  });

  const kinds = { EACCES: /permission denied/, ENOEXEC: /not a program for this machine/, E2BIG: /too long/ };
  for (const [code, pattern] of Object.entries(kinds))
    it(`is 126 with the reason if the start fails with ${code}`, () => {
      const { exitCode, signal, reason } = notStarted(code);
      assert.deepEqual({ exitCode, signal }, { exitCode: 126, signal: null });
      assert.match(reason ?? "", pattern);
    });

  it("is 126 with the message of any other error", () => {
    const status = exitStatus({ kind: "not started", error: new Error("odd\nthing") });
    assert.deepEqual(status, { exitCode: 126, signal: null, reason: "cannot start the command: odd\\nthing" });
  });
});
