import { isMediaType } from "shared/cli/media-type";
import { type OptionSpecs, type OptionValues, wholeNumbers } from "shared/cli/option-specs";
import { type Usage, usageError } from "shared/cli/usage";
import type { AnnotationFile, ArtifactPlan } from "../artifact/push-artifact.ts";
import { DEFAULT_LEVEL, DEFAULT_ZSTD_LEVEL, STORED } from "../layer/compression.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { MAX_MANIFEST_BYTES } from "../oci/manifest-size.ts";
import { NO_ANNOTATIONS, readAnnotationFile } from "./annotation-file.ts";

/** The options of every command that pushes an artifact. */
export const ARTIFACT_OPTIONS = {
  "artifact-type": { type: "text", placeholder: "TYPE", description: "set the artifact type of the manifest" },
  annotation: {
    type: "list",
    alias: "a",
    placeholder: "KEY=VALUE",
    description: "add this annotation to the manifest",
  },
  "annotation-file": {
    type: "text",
    placeholder: "FILE",
    description: "read annotations from this JSON file; the keys are $manifest, $config and the paths of layers",
  },
  compression: {
    type: "text",
    choices: ["gzip", "zstd", "none"],
    default: "gzip",
    description: "compress folders with gzip or with zstd (oras pull cannot unpack zstd), or do not compress folders",
  },
  "compression-level": {
    type: "number",
    placeholder: "1-9",
    shownDefault: `${DEFAULT_LEVEL} for gzip, ${DEFAULT_ZSTD_LEVEL} for zstd`,
    range: wholeNumbers(1, 9),
    description: "compression level for --compression gzip or zstd",
  },
  include: { type: "list", placeholder: "PATTERN", description: "in folders, push only entries that match PATTERN" },
  exclude: { type: "list", placeholder: "PATTERN", description: "in folders, skip entries that match PATTERN" },
  mountable: {
    type: "flag",
    description:
      "let pods mount the artifact; for an artifact with files outside of folders, this also pushes the image TAG-image",
  },
  "no-clobber": { type: "flag", description: "fail if the tag already refers to different content" },
} as const satisfies OptionSpecs;

/**
 * Converts the values of {@link ARTIFACT_OPTIONS} into a plan. Throws a usage failure if a value is invalid. Throws
 * `noInput` if the annotation file cannot be read.
 */
export function artifactPlan(usage: Usage<OptionSpecs>, options: OptionValues<typeof ARTIFACT_OPTIONS>): ArtifactPlan {
  const file = options["annotation-file"];
  const artifactType = options["artifact-type"];
  if (artifactType !== undefined && !isMediaType(artifactType))
    throw usageError(usage, `--artifact-type must be a media type (RFC 6838), not ${JSON.stringify(artifactType)}`);
  const annotations = givenAnnotations(usage, options.annotation);
  const annotationFile = file === undefined ? NO_ANNOTATIONS : readAnnotationFile(usage, file);
  checkCreated(usage, { ...annotationFile.manifest, ...annotations });
  checkSize(usage, annotations, annotationFile);
  return {
    artifactType,
    annotations,
    annotationFile,
    level: compressionLevel(usage, options.compression, options["compression-level"]),
    compression: options.compression === "zstd" ? "zstd" : "gzip",
    patterns: { include: options.include, exclude: options.exclude },
    mountable: options.mountable,
    noClobber: options["no-clobber"],
  };
}

function compressionLevel(usage: Usage<OptionSpecs>, compression: string, level: number | undefined): number {
  if (compression === "none") {
    if (level !== undefined) throw usageError(usage, "--compression-level needs --compression gzip or zstd");
    return STORED;
  }
  return level ?? (compression === "zstd" ? DEFAULT_ZSTD_LEVEL : DEFAULT_LEVEL);
}

/**
 * Parses the values of `--annotation`. Throws a usage failure if a value is invalid, or if two values have the same
 * key.
 */
function givenAnnotations(usage: Usage<OptionSpecs>, texts: readonly string[]): Annotations {
  const annotations = new Map<string, string>();
  for (const text of texts) {
    const [key, value] = annotation(usage, text);
    if (annotations.has(key)) throw usageError(usage, `--annotation ${key} is given twice`);
    annotations.set(key, value);
  }
  return Object.fromEntries(annotations);
}

/** A date with a time (RFC 3339, section 5.6). */
const DATE_TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function checkCreated(usage: Usage<OptionSpecs>, { [ANNOTATIONS.created]: created }: Annotations): void {
  if (created === undefined || (DATE_TIME.test(created) && !Number.isNaN(Date.parse(created.toUpperCase())))) return;
  const expected = "a date such as 2026-01-31T12:00:00Z (RFC 3339)";
  throw usageError(usage, `the annotation ${ANNOTATIONS.created} must be ${expected}, not ${JSON.stringify(created)}`);
}

/**
 * Throws a usage failure if the annotations are too large for a manifest. Without this check at the start, a sidecar
 * would fail only after the application has ended.
 */
function checkSize(
  usage: Usage<OptionSpecs>,
  annotations: Annotations,
  { manifest, config, layers }: AnnotationFile,
): void {
  const all = [manifest, config, annotations, ...layers.values()];
  const bytes = all.reduce((sum, some) => sum + Buffer.byteLength(JSON.stringify(some)), 0);
  if (bytes > MAX_MANIFEST_BYTES)
    throw usageError(
      usage,
      `the annotations have ${bytes} bytes, but a manifest can have at most ${MAX_MANIFEST_BYTES} bytes`,
    );
}

function annotation(usage: Usage<OptionSpecs>, text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals <= 0) throw usageError(usage, `--annotation must be KEY=VALUE, not ${JSON.stringify(text)}`);
  return [text.slice(0, equals).trim(), text.slice(equals + 1)];
}
