import { shown } from "./bench.ts";
import type { Growth } from "./result.ts";

/** A labelled bar; several of one group stand together. */
export interface Bar {
  readonly group: string;
  readonly name: string;
  readonly value: number;
}

const WIDTH = 720;
const COLORS = ["#1f6f8b", "#d9822b", "#7a8b99", "#8f5b9a", "#5a8f3c", "#b94a48"];

/** Horizontal bars as SVG; each group has a scale of its own, for a second and a minute do not fit on one. */
export function barChart(title: string, bars: readonly Bar[], unit: string): string {
  const groups = Map.groupBy(bars, ({ group }) => group);
  const names = [...new Set(bars.map(({ name }) => name))];
  const parts: string[] = [];
  let y = 44;
  for (const [group, members] of groups) {
    parts.push(label(10, y + 12, group, "font-weight='bold'"));
    y += 20;
    const most = Math.max(...members.map(({ value }) => value));
    for (const { name, value } of members) {
      const width = Math.max(1, (value / most) * 400);
      parts.push(label(170, y + 12, name, "text-anchor='end'"));
      parts.push(
        `<rect x='178' y='${y + 1}' width='${width.toFixed(1)}' height='14' fill='${color(names.indexOf(name))}'/>`,
      );
      parts.push(label(184 + width, y + 12, `${shown(value)} ${unit}`));
      y += 18;
    }
    y += 8;
  }
  return svg(title, y + 6, parts);
}

/** Curves over two logarithmic axes as SVG. */
export function lineChart({ title, x, y, curves }: Growth): string {
  const points = curves.flatMap((curve) => curve.points);
  const scaleX = logScale(
    points.map((point) => point[0]),
    70,
    WIDTH - 190,
  );
  const scaleY = logScale(
    points.map((point) => point[1]),
    330,
    50,
  );
  const axes = [
    ...scaleX.ticks.flatMap((tick) => [
      `<line x1='${scaleX.at(tick)}' y1='50' x2='${scaleX.at(tick)}' y2='330' stroke='#ddd'/>`,
      label(scaleX.at(tick), 346, tickText(tick), "text-anchor='middle'"),
    ]),
    ...scaleY.ticks.flatMap((tick) => [
      `<line x1='70' y1='${scaleY.at(tick)}' x2='${WIDTH - 190}' y2='${scaleY.at(tick)}' stroke='#ddd'/>`,
      label(62, scaleY.at(tick) + 4, tickText(tick), "text-anchor='end'"),
    ]),
    label((70 + WIDTH - 190) / 2, 368, x, "text-anchor='middle'"),
    label(10, 40, y),
  ];
  const lines = curves.flatMap(({ name, points: own }, index) => {
    const places = own.map(([px, py]) => `${scaleX.at(px)},${scaleY.at(py)}`);
    return [
      `<polyline points='${places.join(" ")}' fill='none' stroke='${color(index)}' stroke-width='2'/>`,
      ...places.map((place) => {
        const [cx, cy] = place.split(",");
        return `<circle cx='${cx}' cy='${cy}' r='3' fill='${color(index)}'/>`;
      }),
      `<rect x='${WIDTH - 170}' y='${50 + index * 20}' width='12' height='12' fill='${color(index)}'/>`,
      label(WIDTH - 152, 60 + index * 20, name),
    ];
  });
  return svg(title, 380, [...axes, ...lines]);
}

/** A logarithmic scale from the powers of ten around values to pixels, with a tick at each power. */
function logScale(values: readonly number[], from: number, to: number) {
  const first = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values)) - 1e-9));
  const at = (value: number) =>
    Math.round((from + ((Math.log10(value) - first) / (last - first)) * (to - from)) * 10) / 10;
  return { at, ticks: Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index)) };
}

function tickText(value: number): string {
  return value >= 1000 ? value.toLocaleString("en") : String(Number(value.toPrecision(2)));
}

function color(index: number): string {
  return COLORS[index % COLORS.length] as string;
}

function label(x: number, y: number, text: string, attributes = ""): string {
  return `<text x='${Math.round(x)}' y='${Math.round(y)}' ${attributes}>${escaped(text)}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function svg(title: string, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 ${WIDTH} ${height}' font-family='sans-serif' font-size='12'>`,
    `<title>${escaped(title)}</title>`,
    "<rect width='100%' height='100%' fill='white'/>",
    label(10, 22, title, "font-size='15'"),
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}
