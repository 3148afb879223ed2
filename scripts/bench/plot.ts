import { formatCount, formatNumber } from "./numbers.ts";
import type { Curve, Growth } from "./result.ts";
import { type Scale, stepScale, valueScale } from "./scale.ts";
import { styleOf, toolOf } from "./styles.ts";

/** One bar. Bars of the same group stand together. */
export interface Bar {
  readonly group: string;
  /** The contestant. Its tool decides the color. */
  readonly name: string;
  readonly value: number;
}

const WIDTH = 800;

/** The x coordinate at which bars begin, and the length of the longest bar. */
const BARS = { start: 238, length: 460 };

/** The rectangle of a line chart, in pixels. */
const FRAME = { left: 70, right: WIDTH - 240, top: 56, bottom: 340 };

/** The dash patterns of the first, second and third curve of the same tool. */
const DASHES = ["", "7 4", "2 4"];

/** Draws horizontal bars as SVG. Each group has its own scale. */
export function barChart(title: string, bars: readonly Bar[], unit: string): string {
  const parts: string[] = [];
  let y = 44;
  for (const [group, members] of Map.groupBy(bars, (bar) => bar.group)) {
    parts.push(text(10, y + 12, group, "font-weight='bold'"));
    y += 20;
    const most = Math.max(...members.map(({ value }) => value));
    for (const { name, value } of members) {
      const width = Math.max(1, (value / most) * BARS.length);
      parts.push(text(BARS.start - 8, y + 12, name, "text-anchor='end'"));
      parts.push(
        `<rect x='${BARS.start}' y='${y + 1}' width='${width.toFixed(1)}' height='14' fill='${styleOf(name).color}'/>`,
      );
      parts.push(text(BARS.start + 6 + width, y + 12, `${formatNumber(value)} ${unit}`));
      y += 18;
    }
    y += 8;
  }
  return svg(title, y + 6, parts);
}

/**
 * Draws curves as SVG. The x axis is logarithmic. The y axis is logarithmic only if the values span a wide range.
 * Throws if there are no points.
 */
export function lineChart({ title, x, y, curves }: Growth): string {
  const points = curves.flatMap((curve) => curve.points);
  const scaleX = stepScale(
    points.map((point) => point[0]),
    FRAME.left,
    FRAME.right,
  );
  const scaleY = valueScale(
    points.map((point) => point[1]),
    FRAME.bottom,
    FRAME.top,
  );
  const { left, right, top, bottom } = FRAME;
  const axes = [
    ...scaleX.ticks.flatMap((tick) => [
      `<line x1='${scaleX.at(tick)}' y1='${top}' x2='${scaleX.at(tick)}' y2='${bottom}' stroke='#ddd'/>`,
      text(scaleX.at(tick), bottom + 16, formatCount(tick), "text-anchor='middle'"),
    ]),
    ...scaleY.ticks.flatMap((tick) => [
      `<line x1='${left}' y1='${scaleY.at(tick)}' x2='${right}' y2='${scaleY.at(tick)}' stroke='#ddd'/>`,
      text(left - 8, scaleY.at(tick) + 4, formatCount(tick), "text-anchor='end'"),
    ]),
    text((left + right) / 2, bottom + 38, x, "text-anchor='middle'"),
    text(10, top - 14, scaleY.logarithmic ? `${y}, logarithmic` : y),
  ];
  const lines = curves.map((curve, index) => drawCurve(curve, index, dashOf(curve, curves), scaleX, scaleY));
  return svg(title, bottom + 52, [...axes, ...lines.flat()]);
}

/** Draws a curve with its markers, and its line in the legend. */
function drawCurve({ name, points }: Curve, index: number, dash: string, scaleX: Scale, scaleY: Scale): string[] {
  const { color, marker } = styleOf(name);
  const pixels = points.map(([px, py]) => [scaleX.at(px), scaleY.at(py)] as const);
  const stroke = `fill='none' stroke='${color}' stroke-width='2'${dash === "" ? "" : ` stroke-dasharray='${dash}'`}`;
  const mark = (x: number, y: number) => `<path d='${marker}' transform='translate(${x} ${y})' fill='${color}'/>`;
  const [legendX, legendY] = [FRAME.right + 16, FRAME.top + 8 + index * 22];
  return [
    `<polyline points='${pixels.map((pixel) => pixel.join(",")).join(" ")}' ${stroke}/>`,
    ...pixels.map(([px, py]) => mark(px, py)),
    `<polyline points='${legendX},${legendY} ${legendX + 32},${legendY}' ${stroke}/>`,
    mark(legendX + 16, legendY),
    text(legendX + 40, legendY + 4, name),
  ];
}

/** All curves of a tool have the same color. Therefore, the second and the third curve have dashes. */
function dashOf(curve: Curve, curves: readonly Curve[]): string {
  const ofTool = curves.filter(({ name }) => toolOf(name) === toolOf(curve.name));
  return DASHES[ofTool.indexOf(curve) % DASHES.length] as string;
}

function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x='${Math.round(x)}' y='${Math.round(y)}'${attributes === "" ? "" : ` ${attributes}`}>${escapeXml(content)}</text>`;
}

function escapeXml(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function svg(title: string, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 ${WIDTH} ${height}' font-family='sans-serif' font-size='12'>`,
    `<title>${escapeXml(title)}</title>`,
    "<rect width='100%' height='100%' fill='white'/>",
    text(10, 22, title, "font-size='15'"),
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}
