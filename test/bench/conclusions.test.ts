import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compareWithPeers } from "../../scripts/bench/comparison.ts";
import { describeStrongPoints, describeSummary, describeWeakSpots } from "../../scripts/bench/conclusions.ts";
import { runWith, sample } from "./runs.ts";

const growth = (name: string, works: readonly string[]) => ({ name, title: "", x: "", y: "", curves: [], works });

describe("comparisons", () => {
  it("pair our tool with the peers of the same variant, and compare medians", () => {
    const samples = {
      "oras-push, 8 at once": [sample(1, 40), sample(3, 40), sample(2, 40)],
      "oras-push, 200 at once": [sample(9)],
      "oras push, 8 at once": [sample(4, 10)],
    };
    const [only, ...others] = compareWithPeers({ works: [{ name: "pushes", samples }] });
    assert.deepEqual(others, []);
    assert.deepEqual(only, {
      work: "pushes",
      variant: "8 at once",
      peer: "oras push",
      tool: "oras",
      time: 0.5,
      memory: 4,
      seconds: { ours: 2, peer: 4 },
      mebibytes: { ours: 40, peer: 10 },
    });
  });

  it("leave out programs that do a part of the work, such as curl", () => {
    const samples = { "oras-push": [sample(2)], "curl -T": [sample(1)], "openssl dgst -sha256": [sample(1)] };
    assert.deepEqual(compareWithPeers({ works: [{ name: "push", samples }] }), []);
  });
});

describe("the summary", () => {
  it("counts the missed goals and, for each peer, the comparisons, and names the largest loss", () => {
    const row = { work: "w", figure: "s", values: [2] };
    const works = [1, 0.5, 2, 4].map((peer) => ({
      name: `push ${peer}`,
      samples: { "oras-push": [sample(2)], "oras push": [sample(peer)], "tar | pigz -6": [sample(9)] },
    }));
    const text = describeSummary(runWith({ rows: [row, { ...row, goal: 1 }, { ...row, goal: 3 }], works }));
    assert.deepEqual(text.split("\n"), [
      "- The run missed 1 of 2 goals.",
      "- Our tool was slower than `oras` in 2 of 4 comparisons, about as fast in 1, and faster in 1. " +
        "The largest loss is in this case: **push 0.5**: 2.00 s, which is 4.0 times as long as with `oras push` (0.500 s).",
      "- Our tool was slower than `pigz` in 0 of 4 comparisons, about as fast in 0, and faster in 4.",
    ]);
  });
});

describe("the strong points", () => {
  it("describe how fast a work is", () => {
    const works = [
      { name: "push a file", samples: { "oras-push": [sample(1)], "oras push": [sample(2.2)] } },
      { name: "pull a file", samples: { "oras-push pull": [sample(1.04)], "oras pull": [sample(1)] } },
      { name: "pull files", samples: { "oras-push pull": [sample(1.06)], "oras pull": [sample(1)] } },
    ];
    const lines = describeStrongPoints(runWith({ works })).split("\n");
    assert.ok(lines.includes("- **push a file**: 1.00 s, which is 2.2 times as fast as with `oras push` (2.20 s)."));
    assert.ok(lines.includes("- **pull a file**: 1.04 s, which is about as fast as with `oras pull` (1.00 s)."));
    assert.ok(!lines.some((line) => line.includes("pull files")));
  });

  it("describe only the largest step of a growth plot that has a peer", () => {
    const step = (name: string, ...who: readonly string[]) => ({
      name,
      samples: Object.fromEntries(who.map((one) => [one, [sample(one === "oras-push" ? 1 : 3)]])),
    });
    const works = [
      step("push 1 MiB", "oras-push", "oras push"),
      step("push 10 MiB", "oras-push", "oras push"),
      step("push 100 MiB", "oras-push"),
    ];
    const run = runWith({
      works,
      growth: [
        growth(
          "size",
          works.map(({ name }) => name),
        ),
      ],
    });
    const items = describeStrongPoints(run)
      .split("\n")
      .filter((line) => line.startsWith("- "));
    assert.deepEqual(items, ["- **push 10 MiB**: 1.00 s, which is 3.0 times as fast as with `oras push` (3.00 s)."]);
  });

  it("describe reaction and waiting", () => {
    const rows = [
      { work: "from the done marker to the first byte sent", figure: "ms", values: [10] },
      { work: "one small file, from the done marker to the tag", figure: "ms", values: [25] },
      { work: "from the application's end to the tag", figure: "seconds", values: [0.3] },
      { work: "from the application's end to the tag", figure: "seconds with the ORAS Operator scripts", values: [3] },
      { work: "sidecar waits", figure: "MiB of memory", values: [14.1] },
    ];
    const text = describeStrongPoints(runWith({ rows }));
    assert.match(text, /first byte 10\.0 ms after the done marker/);
    assert.match(text, /the tag 25\.0 ms after the done marker/);
    assert.match(text, /tag 0\.300 s after the application's end/);
    assert.match(text, /after 3\.00 s/);
    assert.match(text, /waiting sidecar uses 14\.1 MiB/);
  });
});

describe("the weak spots", () => {
  it("list each missed goal", () => {
    const rows = [
      { work: "pull", figure: "x the time of oras pull", values: [1.03], goal: 1 },
      { work: "pushes", figure: "x the throughput of 8 at once", values: [0.757], goal: 0.8, atLeast: true },
      { work: "push", figure: "seconds", values: [0.5], goal: 1 },
    ];
    const lines = describeWeakSpots(runWith({ rows })).split("\n");
    assert.ok(lines.includes("- **pull**: 1.03 x the time of oras pull. The goal is at most 1."));
    assert.ok(lines.includes("- **pushes**: 0.757 x the throughput of 8 at once. The goal is at least 0.8."));
    assert.ok(!lines.some((line) => line.includes("**push**")));
  });

  it("list slower works, the slowest first", () => {
    const works = [2, 5, 1].map((own) => ({
      name: `push ${own}`,
      samples: { "oras-push": [sample(own)], "oras push": [sample(1)] },
    }));
    const items = describeWeakSpots(runWith({ works })).match(/^- \*\*.*/gm);
    assert.deepEqual(items, [
      "- **push 5**: 5.00 s, which is 5.0 times as long as with `oras push` (1.00 s).",
      "- **push 2**: 2.00 s, which is 2.0 times as long as with `oras push` (1.00 s).",
    ]);
  });

  it("summarize the memory for each peer, without processes that are too short to measure", () => {
    const works = [
      { name: "one", samples: { "oras-push": [sample(1, 40)], "oras push": [sample(1, 10)] } },
      { name: "two", samples: { "oras-push": [sample(1, 90)], "oras push": [sample(1, 50)] } },
      {
        name: "three",
        samples: { "oras-push": [sample(1, 5)], "oras push": [sample(1, 50)], "tar | gzip -6": [sample(1, 1)] },
      },
      { name: "four", samples: { "oras-push": [sample(1, 5)], "oras push": [sample(1, 0)] } },
    ];
    const items = describeWeakSpots(runWith({ works })).match(/^- In \d.*/gm);
    assert.deepEqual(items, [
      "- In 2 of 3 comparisons, our tool used more memory than `oras`: 1.8 to 4 times as much. The difference was largest for **two**: 90.0 MiB instead of 50.0 MiB.",
      "- In 1 of 1 comparison, our tool used more memory than `gzip`: 5 times as much. The difference was largest for **three**: 5.00 MiB instead of 1.00 MiB.",
    ]);
  });

  it("are none in a run without any", () => {
    assert.equal(describeWeakSpots(runWith({})).match(/^None\.$/gm)?.length, 3);
  });
});
