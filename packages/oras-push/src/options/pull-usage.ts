import type { OptionSpecs } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { CONNECTIONS_NOTE, CREDENTIALS_NOTE, REFERENCES_NOTE } from "./notes.ts";
import { PROGRESS_OPTION, REGISTRY_OPTIONS, RESULT_OPTIONS } from "./registry.ts";

const SOURCE_OPTIONS = {
  all: { type: "flag", description: "pull every tag of a repository, each into DIR/TAG" },
  "oci-layout": { type: "flag", description: "pull from OCI layouts on disk: a REFERENCE is DIR:TAG or DIR@DIGEST" },
} as const satisfies OptionSpecs;

const OUTPUT_OPTIONS = {
  output: {
    type: "text",
    alias: "o",
    placeholder: "DIR",
    default: ".",
    description: "restore files and folders in DIR",
  },
  "keep-old-files": {
    type: "flag",
    alias: "k",
    description: "fail if a file already exists, and do not overwrite the file",
  },
  ...RESULT_OPTIONS,
  ...PROGRESS_OPTION,
} as const satisfies OptionSpecs;

/** How to call `oras-push pull`. */
export const PULL_USAGE = {
  name: "oras-push pull",
  summary: "pull artifacts from a registry and restore their files and folders",
  description: [
    "oras-push pull restores each layer as the file or folder that was pushed. It checks the digests. A file or folder",
    "gets its final name only when it is complete. Existing folders are merged.",
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
      text: "Pull every run of an experiment, each into its own folder",
      command: "oras-push pull --all localhost:5000/metric/hwloc -o data",
    },
    { text: "Restore an artifact from disk", command: "oras-push pull --oci-layout archive:run-1 -o restored" },
  ],
  notes: [
    REFERENCES_NOTE,
    {
      title: "Skipped tags",
      text: [
        "--all skips a tag that it cannot pull, such as the tag of an image index, and pulls the other tags. The log",
        "and the result of --format json list the skipped tags with the reasons. The exit code is the code for the",
        "first skipped tag.",
      ].join(" "),
    },
    CREDENTIALS_NOTE,
    CONNECTIONS_NOTE,
  ],
  exitCodes: ["noInput", "unavailable", "cannotCreate", "registry", "notAuthorized"],
  exitMeanings: {
    success: "everything is restored",
    noInput: "a file of an option or of a layout is missing or unreadable",
    cannotCreate: "a file cannot be written, or exists (--keep-old-files)",
    registry: "the registry returned an error, or the artifact cannot be restored",
  },
} as const satisfies Usage<OptionSpecs>;
