import { visibleText } from "../cells.ts";
import { referenceOf } from "../listing.ts";
import { type Html, html } from "./html.ts";
import type { ReportRun } from "./report-run.ts";

/** The size of a box and the space between boxes, in units of the drawing. */
const [BOX_WIDTH, BOX_HEIGHT, SPACE_X, SPACE_Y] = [220, 34, 60, 12];
/** The number of characters that fit into a box. */
const BOX_TEXT = 28;

/** A box of the graph. It shows a run from the report, or an input that is not in the report. */
interface Box {
  readonly digest: string;
  readonly name: string;
  readonly state: string;
  readonly inputs: readonly string[];
  /**
   * The column of the box. A box without inputs is in column 0. Any other box is one column to the right of its
   * rightmost input.
   */
  column: number;
  row: number;
}

/**
 * A graph of the runs that have inputs. The graph also shows these inputs. Each input is to the left of the runs that
 * use this input.
 */
export function graphSection(runs: readonly ReportRun[], ids: ReadonlyMap<string, string>): Html {
  const boxes = boxesOf(runs);
  if (boxes.size === 0) return html``;
  place(boxes);
  const columns = Math.max(...[...boxes.values()].map(({ column }) => column)) + 1;
  const rows = Math.max(...[...boxes.values()].map(({ row }) => row)) + 1;
  const [width, height] = [columns * (BOX_WIDTH + SPACE_X) - SPACE_X, rows * (BOX_HEIGHT + SPACE_Y) - SPACE_Y];
  return html`<section aria-labelledby="lineage-title">
<h2 id="lineage-title">Lineage</h2>
<p class="hidden">${boxes.size} artifacts. In the table, the details of each run list what it was made from.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Drawing of the lineage">
<svg id="lineage" aria-hidden="true" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
${[...boxes.values()].map((box) => edgesOf(box, boxes))}${[...boxes.values()].map((box) => boxHtml(box, ids))}</svg>
</div>
</section>
`;
}

function boxesOf(runs: readonly ReportRun[]): Map<string, Box> {
  const boxes = new Map<string, Box>();
  const made = runs.filter(({ inputs }) => inputs.length > 0);
  const used = new Map(made.flatMap(({ inputs }) => inputs.map((input) => [input.digest as string, input.reference])));
  for (const run of runs) {
    if (run.inputs.length === 0 && !used.has(run.digest)) continue;
    if (boxes.has(run.digest)) continue;
    const inputs = [...new Set(run.inputs.map(({ digest }) => digest as string))];
    boxes.set(run.digest, { digest: run.digest, name: referenceOf(run), state: run.state, inputs, column: 0, row: 0 });
  }
  for (const [digest, name] of used)
    if (!boxes.has(digest)) boxes.set(digest, { digest, name, state: "outside", inputs: [], column: 0, row: 0 });
  return boxes;
}

/** Gives each box a column and a row. */
function place(boxes: ReadonlyMap<string, Box>): void {
  const users = new Map<string, Box[]>();
  const waiting = new Map<Box, number>();
  for (const box of boxes.values()) {
    waiting.set(box, box.inputs.length);
    for (const digest of box.inputs) users.set(digest, [...(users.get(digest) ?? []), box]);
  }
  const ready = [...boxes.values()].filter(({ inputs }) => inputs.length === 0);
  for (let box = ready.shift(); box !== undefined; box = ready.shift())
    for (const user of users.get(box.digest) ?? []) {
      user.column = Math.max(user.column, box.column + 1);
      const left = (waiting.get(user) ?? 0) - 1;
      waiting.set(user, left);
      if (left === 0) ready.push(user);
    }
  const rows: number[] = [];
  for (const box of boxes.values()) {
    box.row = rows[box.column] ?? 0;
    rows[box.column] = box.row + 1;
  }
}

function edgesOf(box: Box, boxes: ReadonlyMap<string, Box>): Html[] {
  return box.inputs.flatMap((digest) => {
    const input = boxes.get(digest);
    if (input === undefined) return [];
    const [x1, y1] = [xOf(input) + BOX_WIDTH, yOf(input) + BOX_HEIGHT / 2];
    const [x2, y2] = [xOf(box), yOf(box) + BOX_HEIGHT / 2];
    const middle = (x1 + x2) / 2;
    return [html`<path class="edge" d="M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}"/>\n`];
  });
}

function boxHtml(box: Box, ids: ReadonlyMap<string, string>): Html {
  const id = ids.get(box.digest);
  const [x, y] = [xOf(box), yOf(box)];
  const content = html`<g class="box ${box.state}"><title>${box.name}: ${box.state === "outside" ? "not in this report" : box.state}</title><rect x="${x}" y="${y}" width="${BOX_WIDTH}" height="${BOX_HEIGHT}" rx="4"/><text x="${x + 8}" y="${y + 22}">${shortName(box.name)}</text></g>`;
  return id === undefined ? html`${content}\n` : html`<a href="#${id}" tabindex="-1">${content}</a>\n`;
}

const xOf = ({ column }: Box) => column * (BOX_WIDTH + SPACE_X);
const yOf = ({ row }: Box) => row * (BOX_HEIGHT + SPACE_Y);

/** Returns a name without its registry. Shortens a long name to its last characters. */
function shortName(name: string): string {
  const path = visibleText(name.includes("/") ? name.slice(name.indexOf("/") + 1) : name);
  const characters = [...path];
  return characters.length > BOX_TEXT ? `…${characters.slice(1 - BOX_TEXT).join("")}` : path;
}
