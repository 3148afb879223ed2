/** During a long wait, a tool logs what it waits for and what it has seen. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseDoneMarker, parsePushedMarker, SHARE } from "shared/pod/markers";
import { openVolume } from "shared/pod/shared-volume";
import { waitUntil } from "shared/pod/wait";
import { waitNotice } from "shared/pod/wait-notice";
import { temporaryFolder } from "../../support/temporary.ts";
import { recordingLog } from "./waiting.ts";

const held = async () => ({ kind: "held", id: "1" }) as const;

describe("a long wait", { timeout: 10_000 }, () => {
  it("says its notice once, after the given time", async () => {
    const { log, lines, line } = recordingLog();
    const started = performance.now();
    let checks = 0;
    const waiting = waitUntil(async () => (lines.length > 0 && ++checks > 5 ? performance.now() : undefined), {
      paths: [],
      pollSeconds: 0.02,
      notice: { log, text: async () => "still waiting", seconds: 0.3 },
    });
    await line("still waiting");
    assert.ok(performance.now() - started >= 300);
    await waiting;
    assert.deepEqual(lines, ["still waiting"]);
  });

  it("says nothing if it ends before", async () => {
    const notice = { log: assert.fail, text: async () => "", seconds: 0.5 };
    let checks = 0;
    await waitUntil(async () => (++checks > 2 ? true : undefined), { paths: [], pollSeconds: 0.01, notice });
  });
});

describe("the notice of a wait for the other side", () => {
  for (const [kind, words] of [
    ["none", "no launcher is running"],
    ["held", "the launcher is running"],
    ["ended", "the launcher has died"],
  ] as const)
    it(`says whether it is running: ${kind}`, async (context) => {
      const folder = temporaryFolder(context);
      const awaited = {
        event: "the end",
        side: "launcher",
        lease: async () => ({ kind, id: "1" }),
        markers: {},
      } as const;
      const { text } = waitNotice(openVolume(folder), awaited, assert.fail);
      assert.equal(await text(), `still waiting for the end after 30 s: ${words} on ${folder}`);
    });

  it("names the markers that exist but do not count", async (context) => {
    const folder = temporaryFolder(context);
    const markers = {
      [SHARE.started]: parseDoneMarker,
      [SHARE.done]: parseDoneMarker,
      [SHARE.doneFailed]: parseDoneMarker,
      [SHARE.pushed]: parsePushedMarker,
    };
    writeFileSync(join(folder, SHARE.done), "done\n");
    writeFileSync(join(folder, SHARE.doneFailed), "{}");
    writeFileSync(join(folder, SHARE.pushed), "{}");
    const awaited = { event: "x", side: "launcher", lease: held, markers } as const;
    const text = await waitNotice(openVolume(folder), awaited, assert.fail).text();
    const why = "exists, but is invalid: expected a JSON object with the fields of this marker";
    assert.match(text, new RegExp(`on ${folder}; ${SHARE.done} ${why}; ${SHARE.pushed} ${why}$`));
  });
});
