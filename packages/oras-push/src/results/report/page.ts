import { createHash } from "node:crypto";
import { RUN_STATES } from "../../artifact/run-annotations.ts";
import { dateText } from "../cells.ts";
import type { Unreadable } from "../read-artifacts.ts";
import { graphSection } from "./graph.ts";
import { type Html, html, trusted } from "./html.ts";
import type { ReportRun } from "./report-run.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";
import { tableSection } from "./table.ts";
import { timelineSection } from "./timeline.ts";

/** The content of a report. */
export interface ReportContent {
  /** The names of the repositories, as the user wrote them. */
  readonly title: string;
  /** The time when the report was made, in milliseconds since 1970. */
  readonly time: number;
  readonly runs: readonly ReportRun[];
  readonly unreadable: readonly Unreadable[];
}

/**
 * Returns a report as one HTML page. The page loads no other files. Its content security policy allows only the page's
 * own style sheet and script. This function is pure.
 */
export function reportPage({ title, time, runs, unreadable }: ReportContent): string {
  const ids = new Map<string, string>();
  for (const [index, { digest }] of runs.entries()) if (!ids.has(digest)) ids.set(digest, `run-${index}`);
  const policy = `default-src 'none'; style-src ${sourceOf(STYLE)}; script-src ${sourceOf(SCRIPT)}; base-uri 'none'; form-action 'none'`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Runs in ${title}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
<header>
<h1>Runs in ${title}</h1>
<p class="soft">${summary(runs)} Made ${dateText(time)}.</p>
</header>
<main>
${timelineSection(runs, ({ digest }) => ids.get(digest) ?? "")}${graphSection(runs, ids)}${tableSection(runs, ids)}${unreadableSection(unreadable)}</main>
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`;
  return page.toString();
}

/** Returns the source expression that allows an inline script or style (CSP 3, section 2.3.1). */
function sourceOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** Shows the number of runs for each state. Each state has the same color as in the drawings. */
function summary(runs: readonly ReportRun[]): Html {
  if (runs.length === 0) return html`No runs.`;
  const counts = Map.groupBy(runs, ({ state }) => state);
  const states = RUN_STATES.filter((state) => counts.has(state));
  return html`${states.map(
    (state, index) =>
      html`${index === 0 ? "" : ", "}<span class="state ${state}">${counts.get(state)?.length} ${state}</span>`,
  )}.`;
}

function unreadableSection(unreadable: readonly Unreadable[]): Html {
  if (unreadable.length === 0) return html``;
  return html`<section aria-labelledby="unreadable-title">
<h2 id="unreadable-title">Unreadable</h2>
<ul id="unreadable">${unreadable.map(
    ({ reference, failure }) => html`<li><code>${reference}</code>: ${failure.why ?? failure.message}</li>
`,
  )}</ul>
</section>
`;
}
