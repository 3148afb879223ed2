import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isOurs, STYLES, styleOf, toolOf } from "../../scripts/bench/styles.ts";
import { readStoredRun } from "./runs.ts";

describe("the styles of the plots", () => {
  it("finds the tool of a contestant", () => {
    assert.equal(toolOf("oras-push, 8 at once"), "oras-push");
    assert.equal(toolOf("oras push, 8 at once"), "oras");
    assert.equal(toolOf("tar | pigz -6, all processors"), "pigz");
    assert.equal(toolOf("ORAS Operator scripts"), "ORAS Operator");
  });

  it("gives all of our tools one style", () => {
    for (const name of ["oras-push --version", "launcher and oras-push sidecar", "wait-fs"])
      assert.ok(isOurs(name), name);
    assert.ok(!isOurs("oras push"));
  });

  it("rejects an unknown contestant", () => {
    assert.throws(() => styleOf("crane push"), /no style for the contestant crane push/);
    assert.throws(() => styleOf("oraspush"), /no style/);
  });

  it("has a style for each contestant of the stored run", () => {
    const { works, growth } = readStoredRun();
    const names = [
      ...works.flatMap(({ samples }) => Object.keys(samples)),
      ...growth.flatMap(({ curves }) => curves.map(({ name }) => name)),
    ];
    assert.ok(names.length > 0);
    for (const name of names) assert.match(styleOf(name).color, /^#[0-9A-F]{6}$/);
  });

  it("has markers that differ", () => {
    const styles = new Set(Object.values(STYLES));
    assert.equal(new Set([...styles].map(({ marker }) => marker)).size, styles.size);
  });

  it("has colors that differ for color-blind readers", () => {
    const colors = [...new Set(Object.values(STYLES).map(({ color }) => color))];
    for (const [sight, matrix] of Object.entries(SIGHTS))
      for (const [index, one] of colors.entries())
        for (const other of colors.slice(index + 1)) {
          const distance = Math.hypot(
            ...labOf(one, matrix).map((value, axis) => value - (labOf(other, matrix)[axis] ?? 0)),
          );
          assert.ok(distance >= 15, `${sight}: ${one} and ${other} are ${distance.toFixed(1)} apart`);
        }
  });
});

type Matrix = readonly (readonly number[])[];

/** Full color blindness of each kind, as matrices for linear RGB (Machado, Oliveira and Fernandes, 2009). */
const SIGHTS: Readonly<Record<string, Matrix>> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** Converts linear RGB to CIE XYZ, relative to the white point D65. */
const TO_XYZ: Matrix = [
  [0.4339, 0.3762, 0.1899],
  [0.2126, 0.7152, 0.0722],
  [0.0177, 0.1095, 0.8729],
];

/** Returns the CIELAB coordinates of a color, as a reader with the color blindness `sight` sees the color. */
function labOf(color: string, sight: Matrix): number[] {
  const linear = [1, 3, 5].map((start) => {
    const value = Number.parseInt(color.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const seen = multiply(sight, linear).map((value) => Math.min(1, Math.max(0, value)));
  const [x = 0, y = 0, z = 0] = multiply(TO_XYZ, seen).map((value) =>
    value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116,
  );
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function multiply(matrix: Matrix, vector: readonly number[]): number[] {
  return matrix.map((row) => row.reduce((sum, factor, index) => sum + factor * (vector[index] ?? 0), 0));
}
