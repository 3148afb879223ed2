import { type OptionSpecs, wholeNumbers } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { CONNECTIONS_NOTE, CREDENTIALS_NOTE } from "./notes.ts";
import { RESULTS_REGISTRY_OPTIONS, STATES_NOTE, TARGETS_NOTE } from "./results.ts";

const SOURCE_OPTIONS = {
  "oci-layout": {
    type: "flag",
    description: "delete artifacts from OCI layouts on disk; each REPOSITORY argument is then a folder",
  },
} as const satisfies OptionSpecs;

const RULE_OPTIONS = {
  state: {
    type: "list",
    placeholder: "STATE",
    shownDefault: "all states except `other`",
    description: "delete only artifacts with this state; separate several states with commas",
  },
  "older-than": {
    type: "text",
    placeholder: "DURATION",
    description: "delete only artifacts that are older than this duration, such as 30d",
  },
  keep: {
    type: "number",
    placeholder: "N",
    range: wholeNumbers(0),
    description: "in each repository, keep the newest N of the artifacts that --state selects",
  },
} as const satisfies OptionSpecs;

const SAFETY_OPTIONS = {
  yes: {
    type: "flag",
    environment: false,
    description: "delete the artifacts; without this option, only show which artifacts would be deleted",
  },
  users: {
    type: "list",
    placeholder: "REPOSITORY|PREFIX",
    shownDefault: "whole registry",
    description: "search these repositories for artifacts that were made from the selected artifacts",
  },
  "ignore-lineage": {
    type: "flag",
    environment: false,
    description: "also delete artifacts that are inputs of a kept artifact",
  },
  "ignore-referrers": {
    type: "flag",
    environment: false,
    description: "also delete artifacts that a signature or another manifest refers to",
  },
} as const satisfies OptionSpecs;

const OUTPUT_OPTIONS = {
  format: { type: "text", choices: ["text", "json"], default: "text", description: "format of the result on stdout" },
} as const satisfies OptionSpecs;

/** How to call `oras-push prune`. */
export const PRUNE_USAGE = {
  name: "oras-push prune",
  summary: "delete the artifacts of old or failed runs",
  description: [
    "oras-push prune deletes artifacts by rules: by state, by age, and by number. An artifact is deleted if all given",
    "rules select it. Without --yes, the command deletes nothing and shows what it would delete. The command never",
    "deletes an artifact that another artifact needs.",
  ].join(" "),
  forms: ["[options] REPOSITORY|PREFIX ..."],
  options: { ...SOURCE_OPTIONS, ...RULE_OPTIONS, ...SAFETY_OPTIONS, ...OUTPUT_OPTIONS, ...RESULTS_REGISTRY_OPTIONS },
  groups: {
    "Source options": SOURCE_OPTIONS,
    Rules: RULE_OPTIONS,
    "Safety options": SAFETY_OPTIONS,
    "Output options": OUTPUT_OPTIONS,
    "Registry options": RESULTS_REGISTRY_OPTIONS,
  },
  examples: [
    {
      text: "Show which failed runs and checkpoints are older than 30 days",
      command: "oras-push prune --state failed,checkpoint --older-than 30d localhost:5000/metric/hwloc",
    },
    {
      text: "Keep the ten newest artifacts of each repository below a path, and delete all others",
      command: "oras-push prune --keep 10 --yes localhost:5000/metric/",
    },
    {
      text: "Delete old artifacts from an OCI layout on disk",
      command: "oras-push prune --oci-layout --older-than 8w --yes archive",
    },
  ],
  notes: [
    {
      title: "Rules",
      text: [
        "Set at least one rule. A DURATION is a number with s, m, h, d or w. The age of an artifact is the time since the",
        "end of its run. If you set an age or a number to keep, the command does not delete artifacts of unknown age.",
        "For example, the rules --state failed --keep 3 --older-than 7d delete only failed runs. In each repository, they",
        "keep the three newest failed runs, and all failed runs of the last week.",
      ].join(" "),
    },
    {
      title: "What is never deleted",
      text: [
        "An artifact with several tags is one artifact: all its tags stay, or none. The command keeps an artifact if a",
        "kept artifact was made from it, at any level, or if a kept image index lists it. It also keeps an artifact that",
        "another manifest refers to. The command never deletes an index, a signature, or a manifest that it cannot read.",
        "To delete artifacts with the state other, name this state with --state. Manifests without a tag stay. The image",
        "TAG-image of a mountable artifact is deleted together with its artifact. If the artifact has no tag any more,",
        "the image is an artifact with the state other, which --keep does not keep.",
      ].join(" "),
    },
    {
      title: "Other users of the registry",
      text: [
        "The command reads all repositories of the registry, to find artifacts that were made from the selected",
        "artifacts. If the registry does not list its repositories, name them with --users. Do not push to the same",
        "repositories during a prune. A registry frees the space on its disk only with its own garbage collection. In an",
        "OCI layout, the command deletes the unused blobs itself.",
      ].join(" "),
    },
    TARGETS_NOTE,
    STATES_NOTE,
    CREDENTIALS_NOTE,
    CONNECTIONS_NOTE,
  ],
  exitCodes: ["noInput", "unavailable", "cannotCreate", "registry", "notAuthorized"],
  exitMeanings: {
    success: "the artifacts are deleted, or the result shows what would be deleted",
    noInput: "a file that an option names, or a file of an OCI layout, is missing or unreadable",
    cannotCreate: "a file of an OCI layout cannot be written",
    registry: "the registry returned an error, or refused to delete an artifact",
  },
} as const satisfies Usage<OptionSpecs>;
