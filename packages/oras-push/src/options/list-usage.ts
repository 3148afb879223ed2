import type { OptionSpecs } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { LIST_FORMATS, SORT_FIELDS } from "../results/query.ts";
import { CONNECTIONS_NOTE, CREDENTIALS_NOTE } from "./notes.ts";
import { RESULTS_REGISTRY_OPTIONS, STATES_NOTE, TARGETS_NOTE } from "./results.ts";

const SOURCE_OPTIONS = {
  "oci-layout": {
    type: "flag",
    description: "list the runs in OCI layouts on disk; each REPOSITORY argument is then a folder",
  },
} as const satisfies OptionSpecs;

const SELECTION_OPTIONS = {
  state: {
    type: "list",
    placeholder: "STATE",
    description: "show only runs with this state; separate several states with commas",
  },
  since: {
    type: "text",
    placeholder: "TIME",
    description: "show only runs that started after this time; 7d means 7 days ago",
  },
  sort: {
    type: "text",
    choices: SORT_FIELDS,
    default: "start",
    description:
      "sort the runs by this value, in ascending order; states are in alphabetical order; runs without the value are first",
  },
  reverse: { type: "flag", description: "show the runs in reverse order" },
} as const satisfies OptionSpecs;

const OUTPUT_OPTIONS = {
  format: { type: "text", choices: LIST_FORMATS, default: "text", description: "format of the list on stdout" },
} as const satisfies OptionSpecs;

/** How to call `oras-push list`. */
export const LIST_USAGE = {
  name: "oras-push list",
  summary: "list the runs whose outputs are in a registry",
  description: [
    "oras-push list shows one row for each tag: the state of the run, its exit code, start, duration and size, its pod",
    "and node, and the digest of the artifact. These facts come from the annotations of the artifacts. No layer is",
    "downloaded.",
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
    { text: "List the runs of an experiment", command: "oras-push list localhost:5000/metric/hwloc" },
    {
      text: "List the failed runs of the last week in all repositories of a registry",
      command: "oras-push list --state failed,incomplete --since 7d localhost:5000",
    },
    {
      text: "List all repositories below a path, for a spreadsheet",
      command: "oras-push list --format csv localhost:5000/metric/",
    },
  ],
  notes: [
    TARGETS_NOTE,
    STATES_NOTE,
    {
      title: "Times",
      text: [
        "A TIME is a date such as 2026-01-31 or 2026-01-31T12:00:00Z, or a duration such as 90m, 12h, 7d or 2w. The",
        "times of the list are in UTC. If the start of a run is unknown, the list shows when the artifact was created.",
      ].join(" "),
    },
    {
      title: "Formats",
      text: [
        "json writes one JSON object for each tag, each on its own line (JSON Lines), with the fields reference, digest,",
        "mediaType, artifactType, state, exitCode, signal, reason, attempt, started, finished, created, seconds, size, pod,",
        "namespace and node. If a value is unknown, its field is missing. csv writes a first line with the names of the",
        "columns: repository, tag, state, exit-code, signal, reason, started, finished, seconds, size, namespace, pod, node",
        "and digest. Sizes are in bytes. Times are in RFC 3339 format.",
      ].join(" "),
    },
    {
      title: "Unreadable artifacts",
      text: [
        "If an artifact or a repository cannot be read, the log lists it with the reason, and the command lists all",
        "other artifacts. The exit code is then the code for the first failure.",
      ].join(" "),
    },
    CREDENTIALS_NOTE,
    CONNECTIONS_NOTE,
  ],
  exitCodes: ["noInput", "unavailable", "registry", "notAuthorized"],
  exitMeanings: {
    success: "all artifacts are listed",
    noInput: "a file that an option names, or a file of an OCI layout, is missing or unreadable",
    registry: "the registry returned an error, or an artifact cannot be read",
  },
} as const satisfies Usage<OptionSpecs>;
