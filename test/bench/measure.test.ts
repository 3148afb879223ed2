import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { measure } from "../../scripts/bench/measure.ts";
import { temporaryFolder } from "../support/temporary.ts";

describe("a measurement", () => {
  it("adds up the CPU time, memory and written bytes of all started processes", async (t) => {
    const folder = temporaryFolder(t);
    const work =
      "const held = Buffer.alloc(90 << 20, 1); while (process.cpuUsage().user + process.cpuUsage().system < 3e5) held[0]++";
    const script = `"$1" -e "$2" & dd if=/dev/zero of=written bs=1M count=8 2>&1; wait`;
    const argv = ["sh", "-c", script, "sh", process.execPath, work] as const;
    const { seconds, cpu, memory, written } = await measure({ argv, cwd: folder });
    assert.ok(seconds >= 0.25 && seconds < 30, `${seconds} s`);
    assert.ok(cpu >= 0.25, `${cpu} s of CPU`);
    assert.ok(memory >= 90, `${memory} MiB`);
    // If the temporary folder is in memory, the processes write nothing to disk.
    assert.ok(written === 0 || Math.round(written) >= 8, `${written} MB`);
  });

  it("rejects with stderr if the program fails", async () => {
    await assert.rejects(
      measure({ argv: ["sh", "-c", "echo no good >&2; exit 3"] }),
      /failed with exit code 3: no good/,
    );
  });
});
