import { RUN_STATES } from "../../artifact/run-annotations.ts";
import { dateText, durationText, exitText, sizeText } from "../cells.ts";
import { referenceOf } from "../listing.ts";
import { durationOf, startOf } from "../run.ts";
import { type Html, html } from "./html.ts";
import type { ReportRun } from "./report-run.ts";
import { shellWord } from "./shell-word.ts";

/**
 * The columns of the table. A reader can sort by each column. `type` says whether to compare the values as texts or as
 * numbers.
 */
const COLUMNS: readonly { readonly title: string; readonly type: "text" | "number" }[] = [
  { title: "Run", type: "text" },
  { title: "State", type: "text" },
  { title: "Exit", type: "number" },
  { title: "Started (UTC)", type: "text" },
  { title: "Duration", type: "number" },
  { title: "Size", type: "number" },
  { title: "Pod", type: "text" },
  { title: "Node", type: "text" },
];

/** Maps the digest of a run to the id of the run's row in the page. */
export type RunIds = ReadonlyMap<string, string>;

/** Returns the table of runs, and the fields that filter the table. */
export function tableSection(runs: readonly ReportRun[], ids: RunIds): Html {
  return html`<section aria-labelledby="runs-title">
<h2 id="runs-title">Runs</h2>
<form id="filters" role="search" aria-label="Filter the runs">
<label>Search <input id="search" type="search" autocomplete="off"></label>
<label>State <select id="state"><option value="">all</option>${RUN_STATES.map(
    (state) => html`<option>${state}</option>`,
  )}</select></label>
<p id="count" role="status">${runs.length} of ${runs.length} runs</p>
</form>
<table id="runs" role="table">
<caption class="hidden">Runs. The buttons in the first row sort the table.</caption>
<thead role="rowgroup"><tr role="row">${COLUMNS.map(
    ({ title, type }) =>
      html`<th role="columnheader" scope="col"><button type="button" data-type="${type}">${title}</button></th>`,
  )}</tr></thead>
<tbody role="rowgroup">
${runs.map((run, index) => row(run, index, ids))}</tbody>
</table>
</section>
`;
}

function row(run: ReportRun, index: number, ids: RunIds): Html {
  const { state, exitCode, size, pod, node } = run;
  const first = ids.get(run.digest) === `run-${index}`;
  const cells: readonly (readonly [Html | string, string | number | undefined])[] = [
    [nameCell(run, ids), referenceOf(run)],
    [html`<span class="state ${state}">${state}</span>`, state],
    [exitText(run), exitCode],
    [dateText(startOf(run)), dateText(startOf(run))],
    [durationText(durationOf(run)), durationOf(run)],
    [sizeText(size), size],
    [pod ?? "-", pod],
    [node ?? "-", node],
  ];
  return html`<tr role="row" data-state="${state}"${first ? html` id="run-${index}" tabindex="-1"` : ""}>${cells.map(
    ([content, sort], column) =>
      html`<td role="cell" data-title="${COLUMNS[column]?.title}" data-sort="${sort}">${content}</td>`,
  )}</tr>
`;
}

/** The name of a run, with details that a reader can open. */
function nameCell(run: ReportRun, ids: RunIds): Html {
  return html`<details><summary>${run.repository}<wbr><strong>:${run.tag}</strong></summary>
<dl>
<dt>Digest</dt><dd><code>${run.digest}</code></dd>
${fact("Reason", run.reason)}${fact("Signal", run.signal)}${fact("Namespace", run.namespace)}${fact("Attempt", run.attempt)}
${run.imageOf === undefined ? commands(run) : imageOf(run.imageOf, ids)}
${run.inputs.length === 0 ? "" : html`<dt>Made from</dt><dd><ul>${run.inputs.map((input) => inputItem(input, ids))}</ul></dd>`}
${run.logs.map(({ title, text }) => html`<dt>End of ${title}</dt><dd><pre tabindex="0">${text}</pre></dd>`)}
</dl></details>`;
}

/**
 * Shows commands for an artifact. The commands contain the artifact's digest, because the tag may point to another
 * artifact later.
 */
function commands(run: ReportRun): Html {
  const artifact = `${run.inLayout ? "--oci-layout " : ""}${shellWord(`${run.repository}@${run.digest}`)}`;
  return html`<dt>Pull</dt><dd>${command(`oras-push pull ${artifact} -o ${shellWord(folderName(run))}`)}</dd>
<dt>Show the lineage</dt><dd>${command(`oras-push lineage ${artifact}`)}</dd>`;
}

/** Returns the name of a folder for the files of a run. The name contains the name of the repository and the tag. */
function folderName({ repository, tag, inLayout }: ReportRun): string {
  const names = repository.split("/").filter((name) => name !== "");
  return [...(inLayout ? names.slice(-1) : names.slice(1)), tag].join("-");
}

/**
 * Shows the digest of the artifact whose files an image contains. The page shows no pull command for an image, because
 * `oras-push pull` cannot restore all files of an image.
 */
function imageOf(digest: string, ids: RunIds): Html {
  const id = ids.get(digest);
  const name = html`<code>${digest}</code>`;
  return html`<dt>Image of</dt><dd>${id === undefined ? name : html`<a href="#${id}">${name}</a>`}</dd>`;
}

function fact(title: string, text: string | undefined): Html {
  return text === undefined ? html`` : html`<dt>${title}</dt><dd>${text}</dd>`;
}

function inputItem({ reference, digest }: ReportRun["inputs"][number], ids: RunIds): Html {
  const id = ids.get(digest);
  return id === undefined
    ? html`<li>${reference} <code>${digest}</code></li>`
    : html`<li><a href="#${id}">${reference}</a></li>`;
}

function command(text: string): Html {
  return html`<span class="command"><code>${text}</code><button type="button" class="copy">Copy</button></span>`;
}
