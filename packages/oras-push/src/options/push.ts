import { existsSync } from "node:fs";
import {
  type COMMON_OPTIONS,
  type CommandLine,
  type OptionSpecs,
  type Usage,
  usageError,
} from "shared/cli/command-line";
import { type LayerPath, titleOf } from "../layer/layer-path.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";
import { ARTIFACT_OPTIONS, artifactPlan, PATTERN_NOTE } from "./artifact.ts";
import type { ArtifactPlan } from "../artifact/push-artifact.ts";
import { pushLayoutReference, pushReference } from "./references.ts";
import {
  CREDENTIALS_NOTE,
  EXIT_NOTE,
  NETWORK_NOTE,
  REGISTRY_OPTIONS,
  type RegistryPlan,
  registryPlan,
} from "./registry.ts";

const PUSH_OPTIONS = {
  ...REGISTRY_OPTIONS,
  ...ARTIFACT_OPTIONS,
  to: { type: "list", value: "REFERENCE", describe: "one more place to push to; repeatable" },
  "oci-layout": { type: "flag", describe: "push to OCI layouts on disk: a REFERENCE is DIR:TAG" },
  "export-manifest": { type: "text", value: "FILE", describe: "write the manifest that was pushed to a file" },
  "disable-path-validation": {
    type: "flag",
    describe: "accepted for oras' sake: paths may be absolute, a layer has the last part for its name",
  },
  "no-tty": { type: "flag", describe: "plain lines instead of bars on a terminal" },
} as const satisfies OptionSpecs;

/** How `oras-push` pushes. */
export const PUSH_USAGE = {
  name: "oras-push",
  summary: "Pushes files and folders to a registry as an OCI artifact. Also: oras-push pull, oras-push sidecar.",
  forms: ["[options] REFERENCE [PATH[:MEDIA-TYPE] ...]"],
  options: PUSH_OPTIONS,
  notes: [
    "{NAME} in a REFERENCE stands for the environment variable NAME, as in localhost:5000/run:{JOB_COMPLETION_INDEX}.",
    PATTERN_NOTE,
    CREDENTIALS_NOTE,
    NETWORK_NOTE,
    EXIT_NOTE,
  ].join("\n\n"),
} as const satisfies Usage<OptionSpecs>;

/** What `oras-push` is to do. */
export interface PushPlan extends RegistryPlan, ArtifactPlan {
  /** Where to push to; at least one. */
  readonly references: readonly AnyReference[];
  readonly paths: readonly LayerPath[];
  readonly exportManifest: string | undefined;
  readonly noTty: boolean;
}

/** What a command line of `oras-push` asks for; throws a usage failure, or `noInput` for a file that can't be read. */
export function pushPlan(
  { args, options }: CommandLine<typeof PUSH_OPTIONS & typeof COMMON_OPTIONS>,
  env: NodeJS.ProcessEnv,
): PushPlan {
  const [reference, ...paths] = args;
  if (reference === undefined) throw usageError(PUSH_USAGE, "no reference to push to");
  const parse = options["oci-layout"] ? pushLayoutReference : pushReference;
  const references = [reference, ...options.to].map((text) => parse({ usage: PUSH_USAGE, env }, text));
  const names = references.map(formatReference);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw usageError(PUSH_USAGE, `${twice} is named twice`);
  return {
    ...registryPlan(PUSH_USAGE, options),
    ...artifactPlan(PUSH_USAGE, options),
    references,
    paths: layerPaths(paths),
    exportManifest: options["export-manifest"],
    noTty: options["no-tty"],
  };
}

function layerPaths(texts: readonly string[]): LayerPath[] {
  const titles = new Set<string>();
  return texts.map((text) => {
    const layer = layerPath(text);
    const title = titleOf(layer.path);
    if (layer.path === "" || title === "") throw usageError(PUSH_USAGE, `${JSON.stringify(text)} cannot be pushed`);
    if (titles.has(title)) throw usageError(PUSH_USAGE, `two paths are named ${JSON.stringify(title)}`);
    titles.add(title);
    return layer;
  });
}

/**
 * `PATH[:MEDIA-TYPE]`, split at the last colon. A colon that no media type follows belongs to the path, and so does one
 * where there is no file without what follows, but one with it.
 */
function layerPath(text: string): LayerPath {
  const colon = text.lastIndexOf(":");
  const mediaType = text.slice(colon + 1);
  if (colon < 0 || !MEDIA_TYPE.test(mediaType)) return { path: text };
  const path = text.slice(0, colon);
  return !existsSync(path) && existsSync(text) ? { path: text } : { path, mediaType };
}

/** RFC 6838, section 4.2. */
const MEDIA_TYPE = /^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/;
