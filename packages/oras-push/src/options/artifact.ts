import type { OptionSpecs, OptionValues } from "shared/cli/option-specs";
import { type Usage, usageError } from "shared/cli/usage";
import type { ArtifactPlan } from "../artifact/push-artifact.ts";
import { DEFAULT_LEVEL, STORED } from "../layer/compression.ts";
import { NO_ANNOTATIONS, readAnnotationFile } from "./annotation-file.ts";

/** The options of every command that pushes an artifact. */
export const ARTIFACT_OPTIONS = {
  "artifact-type": { type: "text", placeholder: "TYPE", description: "artifact type of the manifest" },
  annotation: { type: "list", alias: "a", placeholder: "KEY=VALUE", description: "annotation of the manifest" },
  "annotation-file": {
    type: "text",
    placeholder: "FILE",
    description: "JSON file with annotations, under $manifest, $config or the path of a layer",
  },
  compression: {
    type: "text",
    choices: ["gzip", "none"],
    default: "gzip",
    description: "how to compress folders; none stores them uncompressed in gzip format",
  },
  "compression-level": {
    type: "number",
    placeholder: "1-9",
    shownDefault: String(DEFAULT_LEVEL),
    description: "level of --compression gzip",
  },
  include: { type: "list", placeholder: "PATTERN", description: "push only matching entries of folders" },
  exclude: { type: "list", placeholder: "PATTERN", description: "skip matching entries of folders" },
  "no-clobber": { type: "flag", description: "fail if the tag already names other content" },
} as const satisfies OptionSpecs;

/** Converts {@link ARTIFACT_OPTIONS}. Throws a usage failure, or `noInput` if the annotation file cannot be read. */
export function artifactPlan(usage: Usage<OptionSpecs>, options: OptionValues<typeof ARTIFACT_OPTIONS>): ArtifactPlan {
  const file = options["annotation-file"];
  return {
    artifactType: options["artifact-type"],
    annotations: Object.fromEntries(options.annotation.map((text) => annotation(usage, text))),
    annotationFile: file === undefined ? NO_ANNOTATIONS : readAnnotationFile(usage, file),
    level: compressionLevel(usage, options.compression, options["compression-level"]),
    patterns: { include: options.include, exclude: options.exclude },
    noClobber: options["no-clobber"],
  };
}

function compressionLevel(usage: Usage<OptionSpecs>, compression: string, level: number | undefined): number {
  if (compression === "none") {
    if (level !== undefined) throw usageError(usage, "--compression-level needs --compression gzip");
    return STORED;
  }
  const given = level ?? DEFAULT_LEVEL;
  if (!Number.isInteger(given) || given < 1 || given > 9)
    throw usageError(usage, `--compression-level must be a whole number from 1 to 9, not ${given}`);
  return given;
}

function annotation(usage: Usage<OptionSpecs>, text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals <= 0) throw usageError(usage, `--annotation must be KEY=VALUE, not ${JSON.stringify(text)}`);
  return [text.slice(0, equals).trim(), text.slice(equals + 1)];
}
