import { dateText, durationText } from "../cells.ts";
import { referenceOf } from "../listing.ts";
import { durationOf, startOf } from "../run.ts";
import { type Html, html } from "./html.ts";
import type { ReportRun } from "./report-run.ts";

/** The width of the drawing, in units of the SVG view box. */
const WIDTH = 1000;
/** The height of a lane, and the height of a bar. */
const [LANE, BAR] = [16, 12];
/** The minimum width of a bar. A narrower bar would be hard to see. */
const MIN_BAR = 3;
/** The space between two bars in a lane. */
const GAP = 2;

/** A bar of the timeline. `start` and `end` are in milliseconds since 1970. */
interface Bar {
  readonly run: ReportRun;
  readonly start: number;
  readonly end: number;
}

/** A bar with its place in the drawing. */
export interface PlacedBar {
  readonly run: ReportRun;
  readonly x: number;
  readonly width: number;
  readonly lane: number;
}

/** A timeline with one bar for each run whose start is known. Runs that overlap in time are in different lanes. */
export function timelineSection(runs: readonly ReportRun[], idOf: (run: ReportRun) => string): Html {
  const bars = barsOf(runs);
  if (bars.length === 0) return html``;
  const from = Math.min(...bars.map(({ start }) => start));
  const to = Math.max(...bars.map(({ end }) => end));
  const placed = placeBars(bars, from, to);
  const height = (Math.max(...placed.map(({ lane }) => lane)) + 1) * LANE;
  return html`<section aria-labelledby="timeline-title">
<h2 id="timeline-title">Timeline</h2>
<p class="hidden">${bars.length} runs from ${dateText(from)} to ${dateText(to)}. The table has the same data.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Drawing of the timeline">
<svg id="timeline" aria-hidden="true" width="100%" height="${height}" viewBox="0 0 ${WIDTH} ${height}" preserveAspectRatio="none">
${placed.map(
  ({ run, x, width, lane }) =>
    html`<a href="#${idOf(run)}" tabindex="-1"><rect class="bar ${run.state}" x="${x}" y="${lane * LANE + 2}" width="${width}" height="${BAR}" rx="2"><title>${referenceOf(run)}: ${run.state}, ${dateText(startOf(run))}, ${durationText(durationOf(run))}</title></rect></a>
`,
)}</svg>
</div>
<p class="axis"><span>${dateText(from)}</span><span>${dateText(to)}</span></p>
</section>
`;
}

function barsOf(runs: readonly ReportRun[]): Bar[] {
  return runs
    .flatMap((run) => {
      const start = run.started;
      return start === undefined ? [] : [{ run, start, end: start + (durationOf(run) ?? 0) }];
    })
    .sort((a, b) => a.start - b.start);
}

/** Places each bar in the first free lane. The bars must be sorted by start. */
function placeBars(bars: readonly Bar[], from: number, to: number): PlacedBar[] {
  const scale = to > from ? WIDTH / (to - from) : 0;
  const ends: number[] = [];
  return bars.map(({ run, start, end }) => {
    const width = Math.max(MIN_BAR, (end - start) * scale);
    const x = Math.min((start - from) * scale, WIDTH - width);
    const free = ends.findIndex((last) => last + GAP <= x);
    const lane = free < 0 ? ends.length : free;
    ends[lane] = x + width;
    return { run, x: round(x), width: round(width), lane };
  });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
