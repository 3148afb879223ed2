import type { CommandLine } from "shared/cli/command-line";
import { parseTypedPath } from "shared/cli/media-type";
import { usageError } from "shared/cli/usage";
import { IMAGE_SUFFIX } from "../artifact/image-suffix.ts";
import type { ArtifactPlan } from "../artifact/push-artifact.ts";
import { type LayerPath, titleOf } from "../layer/layer-path.ts";
import { type AnyReference, formatReference, MAX_TAG_LENGTH } from "../oci/reference.ts";
import { artifactPlan } from "./artifact.ts";
import { PUSH_USAGE } from "./push-usage.ts";
import { pushLayoutReference, pushReference } from "./references.ts";
import { type RegistryPlan, registryPlan } from "./registry.ts";

/** A parsed command line of `oras-push`. */
export interface PushPlan extends RegistryPlan, ArtifactPlan {
  /** The references to push to. The list is never empty. */
  readonly references: readonly AnyReference[];
  readonly paths: readonly LayerPath[];
  /** The path of a file for the pushed manifest. Undefined if `--export-manifest` is not given. */
  readonly exportManifest: string | undefined;
  /** Whether to show plain lines instead of progress bars. */
  readonly noTty: boolean;
}

/**
 * Converts a command line of `oras-push` into a plan. Throws a usage failure if the command line is invalid, or
 * `noInput` if a file cannot be read.
 */
export function pushPlan({ args, options }: CommandLine<typeof PUSH_USAGE.options>, env: NodeJS.ProcessEnv): PushPlan {
  const [reference, ...paths] = args;
  if (reference === undefined) throw usageError(PUSH_USAGE, "no reference to push to");
  const parse = options["oci-layout"] ? pushLayoutReference : pushReference;
  const references = [reference, ...options.to].map((text) => parse({ usage: PUSH_USAGE, env }, text));
  const names = references.map(formatReference);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw usageError(PUSH_USAGE, `the reference ${twice} is given twice`);
  const long = references.find(({ tag = "" }) => tag.length + IMAGE_SUFFIX.length > MAX_TAG_LENGTH);
  if (options.mountable && long !== undefined)
    throw usageError(
      PUSH_USAGE,
      `the tag ${long.tag} is too long: the tag and ${IMAGE_SUFFIX} together must have at most ${MAX_TAG_LENGTH} characters`,
    );
  return {
    ...registryPlan(PUSH_USAGE, options, { env, variables: ["ORAS_PUSH_PASS"] }),
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
    const layer = parseTypedPath(text);
    const title = titleOf(layer.path);
    if (layer.path === "" || title === "")
      throw usageError(PUSH_USAGE, `cannot push ${JSON.stringify(text)}: expected the path of a file or folder`);
    if (titles.has(title)) throw usageError(PUSH_USAGE, `two paths are named ${JSON.stringify(title)}`);
    titles.add(title);
    return layer;
  });
}
