import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { barChart, lineChart } from "../../scripts/bench/plot.ts";
import type { Curve } from "../../scripts/bench/result.ts";
import { stepScale, valueScale } from "../../scripts/bench/scale.ts";
import { styleOf } from "../../scripts/bench/styles.ts";

const OURS = styleOf("oras-push").color;
const ORAS = styleOf("oras push").color;

const growth = (...curves: readonly Curve[]) => ({
  name: "a",
  title: "Times",
  x: "files",
  y: "seconds",
  curves,
  works: [],
});

describe("a bar chart", () => {
  it("draws the bars of a tool in its color, in each group", () => {
    const chart = barChart(
      "Times",
      [
        { group: "one", name: "oras push", value: 2 },
        { group: "one", name: "oras-push", value: 1 },
        { group: "two", name: "oras-push, second push", value: 9 },
      ],
      "s",
    );
    const fills = [...chart.matchAll(/<rect x=.* fill='(#\w+)'/g)].map(([, color]) => color);
    assert.deepEqual(fills, [ORAS, OURS, OURS]);
  });

  it("escapes its texts", () => {
    assert.ok(barChart("a < b & c", [], "s").includes("<title>a &lt; b &amp; c</title>"));
  });

  it("rejects an unknown contestant", () => {
    assert.throws(() => barChart("Times", [{ group: "one", name: "crane push", value: 1 }], "s"), /no style/);
  });
});

describe("a line chart", () => {
  it("draws each curve in the color of its tool, and dashes the second curve of a tool", () => {
    const curve = (name: string) => ({ name, points: [[1, 1] as const, [10, 2] as const] });
    const chart = lineChart(
      growth(curve("oras push"), curve("oras-push, all processors"), curve("oras-push, one processor")),
    );
    const strokes = [...chart.matchAll(/<polyline .* stroke='(#\w+)' stroke-width='2'( stroke-dasharray='.*')?\/>/g)];
    // Each curve is drawn once in the frame and once in the legend.
    const looks = strokes.map(([, color, dash]) => `${color}${dash === undefined ? "" : " dashed"}`);
    assert.deepEqual(looks, [ORAS, ORAS, OURS, OURS, `${OURS} dashed`, `${OURS} dashed`]);
  });

  it("draws a curve with a single point", () => {
    assert.match(lineChart(growth({ name: "oras-push", points: [[1, 0.5]] })), /<polyline points='315,/);
  });

  it("rejects a growth without points", () => {
    assert.throws(() => lineChart(growth()), /expected one or more points/);
  });
});

describe("a scale", () => {
  it("has a tick at each step", () => {
    const { ticks, at } = stepScale([4, 1, 2, 4], 0, 100);
    assert.deepEqual(ticks, [1, 2, 4]);
    assert.deepEqual(ticks.map(at), [0, 50, 100]);
  });

  it("starts at 0 for a narrow range", () => {
    const { ticks, at, logarithmic } = valueScale([2.9, 11.3], 0, 120);
    assert.equal(logarithmic, false);
    assert.deepEqual(ticks, [0, 2, 4, 6, 8, 10, 12]);
    assert.equal(at(6), 60);
  });

  it("has a tick at each power of ten for a wide range", () => {
    const { ticks, logarithmic } = valueScale([0.02, 14], 0, 100);
    assert.equal(logarithmic, true);
    assert.deepEqual(ticks, [0.01, 0.1, 1, 10, 100]);
  });
});
