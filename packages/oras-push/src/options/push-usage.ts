import type { OptionSpecs } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { ARTIFACT_OPTIONS } from "./artifact.ts";
import { INJECT_USAGE } from "./inject-usage.ts";
import { LINEAGE_USAGE } from "./lineage-usage.ts";
import { LIST_USAGE } from "./list-usage.ts";
import { CONNECTIONS_NOTE, CREDENTIALS_NOTE, PATTERNS_NOTE, REFERENCES_NOTE } from "./notes.ts";
import { PRUNE_USAGE } from "./prune-usage.ts";
import { PULL_USAGE } from "./pull-usage.ts";
import { PROGRESS_OPTION, REGISTRY_OPTIONS, RESULT_OPTIONS } from "./registry.ts";
import { REPORT_USAGE } from "./report-usage.ts";
import { SIDECAR_USAGE } from "./sidecar-usage.ts";

const DESTINATION_OPTIONS = {
  to: { type: "list", placeholder: "REFERENCE", description: "also push the artifact to this reference" },
  "oci-layout": { type: "flag", description: "push to OCI layouts on disk; each REFERENCE then has the form DIR:TAG" },
  "disable-path-validation": {
    type: "flag",
    description: "has no effect, because absolute paths are always valid; accepted for compatibility with oras",
  },
} as const satisfies OptionSpecs;

const OUTPUT_OPTIONS = {
  ...RESULT_OPTIONS,
  "export-manifest": { type: "text", placeholder: "FILE", description: "also write the pushed manifest to FILE" },
  ...PROGRESS_OPTION,
} as const satisfies OptionSpecs;

/** How to call `oras-push`. */
export const PUSH_USAGE = {
  name: "oras-push",
  summary: "push files and folders to a registry as an OCI artifact",
  description: [
    "oras-push pushes each PATH as one layer. The title of the layer is the last part of the path. A folder becomes a",
    "compressed tar archive. The tag is written last, so the tag always refers to a complete artifact. 'oras-push",
    "pull' and 'oras pull' restore the files and folders.",
  ].join(" "),
  forms: ["[options] REFERENCE [PATH[:MEDIA-TYPE] ...]"],
  options: { ...DESTINATION_OPTIONS, ...ARTIFACT_OPTIONS, ...OUTPUT_OPTIONS, ...REGISTRY_OPTIONS },
  groups: {
    "Destination options": DESTINATION_OPTIONS,
    "Artifact options": ARTIFACT_OPTIONS,
    "Output options": OUTPUT_OPTIONS,
    "Registry options": REGISTRY_OPTIONS,
  },
  commands: [PULL_USAGE, SIDECAR_USAGE, INJECT_USAGE, LIST_USAGE, LINEAGE_USAGE, REPORT_USAGE, PRUNE_USAGE],
  takesPaths: true,
  examples: [
    { text: "Push a folder", command: "oras-push localhost:5000/metric/hwloc:iter-0 analysis" },
    {
      text: "Push a file with a media type, and add an annotation",
      command: "oras-push -a author=me registry.example.org/run:1 result.json:application/json",
    },
    {
      text: "Push a folder to two tags, but skip its temporary files",
      command: "oras-push localhost:5000/run:1 --to localhost:5000/run:latest --exclude '*.tmp' results",
    },
    { text: "Store an artifact on disk, without a registry", command: "oras-push --oci-layout archive:run-1 results" },
  ],
  notes: [REFERENCES_NOTE, PATTERNS_NOTE, CREDENTIALS_NOTE, CONNECTIONS_NOTE],
  environment: [
    "SOURCE_DATE_EPOCH is a time in seconds since 1970. If you set this variable, its value is the creation date of",
    "the artifact. The times of files in folders are then at most this value.",
  ].join(" "),
  exitCodes: ["noInput", "unavailable", "cannotCreate", "registry", "notAuthorized"],
  exitMeanings: {
    success: "the artifact is in the registry",
    noInput: "a path is missing or unreadable, or a file changed during the push",
    cannotCreate: "a file cannot be written, or the tag already refers to different content (--no-clobber)",
  },
} as const satisfies Usage<OptionSpecs>;
