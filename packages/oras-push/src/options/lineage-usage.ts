import type { OptionSpecs } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { LINEAGE_FORMATS } from "../results/query.ts";
import { CONNECTIONS_NOTE, CREDENTIALS_NOTE, REFERENCES_NOTE } from "./notes.ts";
import { RESULTS_REGISTRY_OPTIONS } from "./results.ts";

const SOURCE_OPTIONS = {
  "oci-layout": {
    type: "flag",
    description: "read an OCI layout on disk; REFERENCE is then DIR:TAG or DIR@DIGEST",
  },
} as const satisfies OptionSpecs;

const OUTPUT_OPTIONS = {
  format: { type: "text", choices: LINEAGE_FORMATS, default: "text", description: "format of the lineage on stdout" },
} as const satisfies OptionSpecs;

/** How to call `oras-push lineage`. */
export const LINEAGE_USAGE = {
  name: "oras-push lineage",
  summary: "show the artifacts that an artifact was made from",
  description: [
    "oras-push lineage shows the inputs of an artifact as a tree: the artifacts that its run pulled, the inputs of these",
    "artifacts, and so on. The sidecar writes these inputs to an annotation of the artifact. If the tag of an input no",
    "longer refers to the artifact that the run pulled, the tree says so.",
  ].join(" "),
  forms: ["[options] REFERENCE"],
  options: { ...SOURCE_OPTIONS, ...OUTPUT_OPTIONS, ...RESULTS_REGISTRY_OPTIONS },
  groups: {
    "Source options": SOURCE_OPTIONS,
    "Output options": OUTPUT_OPTIONS,
    "Registry options": RESULTS_REGISTRY_OPTIONS,
  },
  examples: [
    {
      text: "Show what the result of a workflow was made from",
      command: "oras-push lineage localhost:5000/workflow/all:run-0",
    },
    {
      text: "Draw the lineage with Graphviz",
      command: "oras-push lineage --format dot localhost:5000/workflow/all:run-0",
    },
  ],
  notes: [
    {
      title: "Where the inputs are",
      text: [
        "An input is first looked up in the registry of the REFERENCE, because a registry can have another address inside",
        "a cluster. If the input is not there, it is looked up in the registry that its run used. That registry gets no",
        "credentials from the command line or from ORAS_PULL_PASS, only from a docker config. The inputs of an artifact",
        "in an OCI layout are looked up in the same layout.",
      ].join(" "),
    },
    {
      title: "Formats",
      text: [
        "json writes one JSON object for each artifact, each on its own line (JSON Lines). The object of the REFERENCE",
        "comes first. The fields are reference, digest, state, exitCode, started, error and inputs. If a value is unknown,",
        "its field is missing. The field inputs is a list of objects with the fields reference, digest, tag and movedTo.",
        "The value of tag is same, moved, gone or unknown, and movedTo is the digest that a moved tag now refers to.",
        "mermaid writes a flowchart for Markdown documents, and dot writes a graph for Graphviz.",
      ].join(" "),
    },
    REFERENCES_NOTE,
    CREDENTIALS_NOTE,
    CONNECTIONS_NOTE,
  ],
  exitCodes: ["noInput", "unavailable", "registry", "notAuthorized"],
  exitMeanings: {
    success: "the lineage is shown, possibly with inputs that no longer exist",
    noInput: "a file that an option names, or a file of an OCI layout, is missing or unreadable",
    registry: "the registry returned an error, or the artifact does not exist",
  },
} as const satisfies Usage<OptionSpecs>;
