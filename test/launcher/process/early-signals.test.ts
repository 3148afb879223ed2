/**
 * Sends SIGTERM while a tool starts. The signal must always end the tool. If a launcher has already changed the volume,
 * it must also write a marker for the sidecar.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { ignoredSignals } from "shared/cli/held-signals";
import { parseDoneMarker, SHARE } from "shared/pod/markers";
import { type ProcessResult, startTool, type Tool, toolPath } from "../../../support/tools.ts";
import { findPid1, PID1_SKIP, startAsPid1 } from "../../support/namespaces.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** The number of processes in each test. To run these tests in full, set `SIGNAL_RUNS=1000`. */
const RUNS = Number(process.env.SIGNAL_RUNS ?? 24);

/** The maximum delay before SIGTERM, in milliseconds. */
const START = 300;

/** The number of processes that run at the same time. */
const CONCURRENT = 2;

interface Ended extends ProcessResult {
  /** The names on the volume. */
  readonly names: readonly string[];
  readonly share: string;
}

type Mode = "a normal process" | "PID 1";

/**
 * Starts a tool. Sends SIGTERM at a random moment after Node has installed its own signal handlers. If the tool still
 * runs 20 seconds after SIGTERM, kills it.
 */
async function terminateEarly(context: TestContext, tool: Tool, args: readonly string[], mode: Mode): Promise<Ended> {
  const share = temporaryFolder(context);
  const env = { ORAS_SHARE: share, PATH: process.env.PATH };
  const running = mode === "PID 1" ? startAsPid1(toolPath(tool), args, env) : startTool(tool, args, { env });
  const pid = await handlingPid(() => (mode === "PID 1" ? findPid1(running.pid) : running.pid));
  await sleep(Math.random() * START);
  process.kill(pid, "SIGTERM");
  const late = setTimeout(() => running.child.kill("SIGKILL"), 20_000);
  const ended = await running.ended;
  clearTimeout(late);
  return { ...ended, names: readdirSync(share), share };
}

/**
 * Waits until a process runs the tool's executable, and until Node has installed its handler for SIGTERM. Returns the
 * process ID.
 */
async function handlingPid(find: () => number): Promise<number> {
  for (;;) {
    try {
      const pid = find();
      const tool = realpathSync(toolPath("launcher"));
      if (readlinkSync(`/proc/${pid}/exe`).startsWith(tool.slice(0, tool.lastIndexOf("/"))) && hasHandler(pid))
        return pid;
    } catch {
      // The process has not started yet.
    }
    await nextTurn();
  }
}

function hasHandler(pid: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return ((BigInt(`0x${caught}`) >> BigInt(constants.signals.SIGTERM - 1)) & 1n) === 1n;
}

/** Terminates many processes early. */
async function terminateMany(context: TestContext, tool: Tool, args: readonly string[], mode: Mode): Promise<Ended[]> {
  const results: Ended[] = [];
  const worker = async () => {
    while (results.length < RUNS) results.push(await terminateEarly(context, tool, args, mode));
  };
  await Promise.all(Array.from({ length: CONCURRENT }, worker));
  return results;
}

/**
 * Returns whether the signal ended the process before Node ran any JavaScript. In this case, the volume is unchanged.
 */
function endedByNode({ signal, names }: Ended): boolean {
  return signal === "SIGTERM" && names.length === 0;
}

function marker({ share }: Ended) {
  return parseDoneMarker(readFileSync(join(share, SHARE.done), "utf8"));
}

const COMMAND = ["--quiet", "--", "sleep", "60"];

describe("SIGTERM during the start of the launcher", { timeout: 30_000 * RUNS }, () => {
  it("ends a normal process with a marker, or before it changes the volume", async (context) => {
    const results = await terminateMany(context, "launcher", COMMAND, "a normal process");
    const late = results.filter((ended) => !endedByNode(ended));
    context.diagnostic(
      `${results.length} signals, ${results.length - late.length} before the first line of JavaScript`,
    );
    for (const ended of late) {
      assert.equal(ended.code, 143, ended.stderr);
      assert.equal(marker(ended)?.reason, "terminated");
    }
  });

  it("ends PID 1 with a marker", { skip: PID1_SKIP }, async (context) => {
    for (const ended of await terminateMany(context, "launcher", COMMAND, "PID 1")) {
      assert.equal(ended.code, 143, ended.stderr);
      assert.equal(marker(ended)?.reason, "terminated");
    }
  });
});

describe("SIGTERM during the start of a waiting tool", { timeout: 30_000 * RUNS }, () => {
  for (const [tool, args] of [
    ["oras-push", ["sidecar", "NA", "NA"]],
    ["wait-fs", ["-q", "-p", "/nonexistent"]],
  ] as const)
    it(`ends ${tool} as PID 1`, { skip: PID1_SKIP }, async (context) => {
      for (const { code, stderr } of await terminateMany(context, tool, args, "PID 1")) assert.equal(code, 143, stderr);
    });
});

describe("signals that PID 1 ignored", () => {
  it("are those without Node's handlers", () => {
    assert.deepEqual(ignoredSignals("SigIgn:\t01\nSigCgt:\t0000000100004402\n"), []);
    assert.deepEqual(ignoredSignals("SigCgt:\t0000000100000402\n"), ["SIGTERM"]);
    assert.deepEqual(ignoredSignals("SigCgt:\t0000000100004400\n"), ["SIGINT"]);
  });

  it("are unknown without a status", () => {
    assert.deepEqual(ignoredSignals(""), []);
  });
});
