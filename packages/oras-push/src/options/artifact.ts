import { type OptionSpecs, type OptionValues, type Usage, usageError } from "shared/cli/command-line";
import { DEFAULT_LEVEL, STORED } from "../layer/compression-level.ts";
import type { ArtifactPlan } from "../artifact/push-artifact.ts";
import { NO_ANNOTATIONS, readAnnotationFile } from "./annotation-file.ts";

/** The options of every command that makes an artifact. */
export const ARTIFACT_OPTIONS = {
  "artifact-type": { type: "text", value: "TYPE", describe: "artifact type of the manifest" },
  annotation: { type: "list", alias: "a", value: "KEY=VALUE", describe: "annotation of the manifest; repeatable" },
  "annotation-file": { type: "text", value: "FILE", describe: "annotations as JSON: $manifest, $config, and by path" },
  compression: {
    type: "text",
    value: "TYPE",
    choices: ["gzip", "none"],
    default: "gzip",
    describe: "gzip|none: of folders; none stores them in gzip's own frame",
  },
  "compression-level": {
    type: "number",
    value: "1-9",
    describe: `level of --compression gzip, ${DEFAULT_LEVEL} by default`,
  },
  include: { type: "list", value: "PATTERN", describe: "push only what matches, of folders; repeatable" },
  exclude: { type: "list", value: "PATTERN", describe: "leave out what matches, of folders; repeatable" },
  "no-clobber": { type: "flag", describe: "fail where the tag names other content already" },
} as const satisfies OptionSpecs;

/** What the help of these commands says of patterns. */
export const PATTERN_NOTE: string = [
  "A PATTERN (*, **, ?, [a-z], {a,b}) is matched against the path below the folder; one without a slash against the name",
  "at any depth. It matches a folder with all it holds. --exclude counts before --include. A name with a leading dot is",
  "matched only by a pattern that writes the dot.",
].join("\n");

/** What the options of {@link ARTIFACT_OPTIONS} ask for; throws a usage failure, or `noInput` for a file that can't be read. */
export function artifactPlan(usage: Usage<OptionSpecs>, options: OptionValues<typeof ARTIFACT_OPTIONS>): ArtifactPlan {
  const file = options["annotation-file"];
  return {
    artifactType: options["artifact-type"],
    annotations: Object.fromEntries(options.annotation.map((text) => annotation(usage, text))),
    annotationFile: file === undefined ? NO_ANNOTATIONS : readAnnotationFile(usage, file),
    level: levelOf(usage, options.compression, options["compression-level"]),
    patterns: { include: options.include, exclude: options.exclude },
    noClobber: options["no-clobber"],
  };
}

function levelOf(usage: Usage<OptionSpecs>, compression: string, level: number | undefined): number {
  if (compression === "none") {
    if (level !== undefined) throw usageError(usage, "--compression-level goes with --compression gzip");
    return STORED;
  }
  const given = level ?? DEFAULT_LEVEL;
  if (!Number.isInteger(given) || given < 1 || given > 9)
    throw usageError(usage, "--compression-level is a whole number from 1 to 9");
  return given;
}

function annotation(usage: Usage<OptionSpecs>, text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals <= 0) throw usageError(usage, `--annotation is KEY=VALUE, not ${JSON.stringify(text)}`);
  return [text.slice(0, equals).trim(), text.slice(equals + 1)];
}
