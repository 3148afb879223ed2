import type { OptionSpecs } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { CONNECTIONS_NOTE, CREDENTIALS_NOTE, REFERENCES_NOTE } from "./notes.ts";
import { PROGRESS_OPTION, REGISTRY_OPTIONS, RESULT_OPTIONS } from "./registry.ts";

const SOURCE_OPTIONS = {
  all: { type: "flag", description: "pull all tags of a repository, and restore the artifact of each tag in DIR/TAG" },
  "oci-layout": {
    type: "flag",
    description: "pull from OCI layouts on disk; each REFERENCE then has the form DIR:TAG or DIR@DIGEST",
  },
} as const satisfies OptionSpecs;

const OUTPUT_OPTIONS = {
  output: {
    type: "text",
    alias: "o",
    placeholder: "DIR",
    default: ".",
    description: "write the restored files and folders to DIR",
  },
  "keep-old-files": {
    type: "flag",
    alias: "k",
    description: "do not overwrite existing files: fail if a file already exists",
  },
  ...RESULT_OPTIONS,
  ...PROGRESS_OPTION,
} as const satisfies OptionSpecs;

/** How to call `oras-push pull`. */
export const PULL_USAGE = {
  name: "oras-push pull",
  summary: "pull artifacts from a registry, and restore the files and folders of the artifacts",
  description: [
    "oras-push pull restores each layer as the file or folder that was pushed, and checks all digests. A file or",
    "folder gets its final name only when it is complete. If a folder already exists, the pull adds its files to this",
    "folder.",
  ].join(" "),
  forms: ["[options] REFERENCE ... [-o DIR]", "[options] --all REPOSITORY [-o DIR]"],
  options: { ...SOURCE_OPTIONS, ...OUTPUT_OPTIONS, ...REGISTRY_OPTIONS },
  groups: {
    "Source options": SOURCE_OPTIONS,
    "Output options": OUTPUT_OPTIONS,
    "Registry options": REGISTRY_OPTIONS,
  },
  examples: [
    { text: "Pull an artifact into a folder", command: "oras-push pull localhost:5000/metric/hwloc:iter-0 -o data" },
    {
      text: "Pull all runs of an experiment, and restore each run in its own folder",
      command: "oras-push pull --all localhost:5000/metric/hwloc -o data",
    },
    { text: "Restore an artifact from disk", command: "oras-push pull --oci-layout archive:run-1 -o restored" },
  ],
  notes: [
    REFERENCES_NOTE,
    {
      title: "Skipped tags",
      text: [
        "With --all, the pull skips a tag that it cannot pull, such as the tag of an image index, and continues with",
        "the next tag. Each skipped tag is listed with the reason in the log, and in the result of --format json. If",
        "tags were skipped, the exit code is the code for the first skipped tag.",
      ].join(" "),
    },
    CREDENTIALS_NOTE,
    CONNECTIONS_NOTE,
  ],
  exitCodes: ["noInput", "unavailable", "cannotCreate", "registry", "notAuthorized"],
  exitMeanings: {
    success: "all files and folders are restored",
    noInput: "a file that an option names, or a file of an OCI layout, is missing or unreadable",
    cannotCreate: "a file cannot be written, or already exists (--keep-old-files)",
    registry: "the registry returned an error, or the artifact cannot be restored",
  },
} as const satisfies Usage<OptionSpecs>;
