import { existsSync } from "node:fs";
import type { CommandLine } from "shared/cli/command-line";
import { usageError } from "shared/cli/usage";
import type { ArtifactPlan } from "../artifact/push-artifact.ts";
import { type LayerPath, titleOf } from "../layer/layer-path.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";
import { artifactPlan } from "./artifact.ts";
import { PUSH_USAGE } from "./push-usage.ts";
import { pushLayoutReference, pushReference } from "./references.ts";
import { type RegistryPlan, registryPlan } from "./registry.ts";

/** A media type (RFC 6838, section 4.2). */
const MEDIA_TYPE = /^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/;

/** A parsed command line of `oras-push`. */
export interface PushPlan extends RegistryPlan, ArtifactPlan {
  /** The references to push to; at least one. */
  readonly references: readonly AnyReference[];
  readonly paths: readonly LayerPath[];
  /** Path for the pushed manifest; undefined for none. */
  readonly exportManifest: string | undefined;
  /** Whether to show plain lines instead of progress bars. */
  readonly noTty: boolean;
}

/** Converts a command line of `oras-push`. Throws a usage failure, or `noInput` if a file cannot be read. */
export function pushPlan({ args, options }: CommandLine<typeof PUSH_USAGE.options>, env: NodeJS.ProcessEnv): PushPlan {
  const [reference, ...paths] = args;
  if (reference === undefined) throw usageError(PUSH_USAGE, "no reference to push to");
  const parse = options["oci-layout"] ? pushLayoutReference : pushReference;
  const references = [reference, ...options.to].map((text) => parse({ usage: PUSH_USAGE, env }, text));
  const names = references.map(formatReference);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw usageError(PUSH_USAGE, `the reference ${twice} is given twice`);
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
 * Splits `PATH[:MEDIA-TYPE]` at the last colon. The colon belongs to the path if no valid media type follows it, or if only
 * the whole text is an existing path.
 */
function layerPath(text: string): LayerPath {
  const colon = text.lastIndexOf(":");
  const mediaType = text.slice(colon + 1);
  if (colon < 0 || !MEDIA_TYPE.test(mediaType)) return { path: text };
  const path = text.slice(0, colon);
  return !existsSync(path) && existsSync(text) ? { path: text } : { path, mediaType };
}
