import { type OptionSpecs, wholeNumbers } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { LIST_USAGE } from "./list-usage.ts";
import { CONNECTIONS_NOTE, CREDENTIALS_NOTE } from "./notes.ts";
import { RESULTS_REGISTRY_OPTIONS, STATES_NOTE, TARGETS_NOTE } from "./results.ts";

const SOURCE_OPTIONS = {
  "oci-layout": { type: "flag", description: "read OCI layouts on disk; each REPOSITORY argument is then a folder" },
} as const satisfies OptionSpecs;

const { state, since, sort, reverse } = LIST_USAGE.options;

const SELECTION_OPTIONS = { state, since, sort, reverse } as const satisfies OptionSpecs;

const OUTPUT_OPTIONS = {
  output: {
    type: "text",
    alias: "o",
    placeholder: "FILE",
    default: "report.html",
    description: "write the report to FILE",
  },
  "log-lines": {
    type: "number",
    placeholder: "N",
    default: 20,
    range: wholeNumbers(0, 1000),
    description: "show the last N lines of each log, at most 8 KiB; with 0, show no logs",
  },
} as const satisfies OptionSpecs;

/** How to call `oras-push report`. */
export const REPORT_USAGE = {
  name: "oras-push report",
  summary: "write a page about runs that a browser can show without a network",
  description: [
    "oras-push report writes one HTML file with a table of runs, a timeline, a graph of the lineage, the last lines of",
    "the logs, and commands to copy. The page loads nothing, so you can send it by mail or publish it anywhere. You can",
    "sort and filter the table.",
  ].join(" "),
  forms: ["[options] REPOSITORY|PREFIX ..."],
  options: { ...SOURCE_OPTIONS, ...SELECTION_OPTIONS, ...OUTPUT_OPTIONS, ...RESULTS_REGISTRY_OPTIONS },
  groups: {
    "Source options": SOURCE_OPTIONS,
    "Selection options": SELECTION_OPTIONS,
    "Output options": OUTPUT_OPTIONS,
    "Registry options": RESULTS_REGISTRY_OPTIONS,
  },
  examples: [
    {
      text: "Make a report about an experiment",
      command: "oras-push report localhost:5000/metric/hwloc -o hwloc.html",
    },
    {
      text: "Make a report about the runs of the last week in all repositories",
      command: "oras-push report --since 7d localhost:5000 -o week.html",
    },
  ],
  notes: [
    TARGETS_NOTE,
    STATES_NOTE,
    {
      title: "Logs",
      text: [
        "The report shows the logs of steps whose launcher runs with --logs. The logs are the files stdout.log and",
        "stderr.log of the artifact. Only the end of a log is downloaded, and its digest is not checked.",
      ].join(" "),
    },
    {
      title: "Unreadable artifacts",
      text: [
        "If an artifact or a repository cannot be read, the report and the log list it with the reason. The exit code is",
        "then the code for the first failure.",
      ].join(" "),
    },
    CREDENTIALS_NOTE,
    CONNECTIONS_NOTE,
  ],
  exitCodes: ["noInput", "unavailable", "cannotCreate", "registry", "notAuthorized"],
  exitMeanings: {
    success: "the report is written",
    noInput: "a file that an option names, or a file of an OCI layout, is missing or unreadable",
    cannotCreate: "the report cannot be written",
    registry: "the registry returned an error, or an artifact cannot be read",
  },
} as const satisfies Usage<OptionSpecs>;
