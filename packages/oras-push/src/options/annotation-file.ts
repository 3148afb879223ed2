import type { OptionSpecs } from "shared/cli/option-specs";
import { type Usage, usageError } from "shared/cli/usage";
import type { AnnotationFile } from "../artifact/push-artifact.ts";
import { LAYER_ANNOTATIONS } from "../oci/annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { readOptionFile } from "./file.ts";

/** An empty annotation file. */
export const NO_ANNOTATIONS: AnnotationFile = { manifest: {}, config: {}, layers: new Map() };

/**
 * Reads an annotation file. The file is a JSON object. Its keys are `$manifest`, `$config` and the paths of layers. The
 * value of each key is an object that maps the names of annotations to texts. Throws a usage failure if the content is
 * invalid, or if the file sets one of the {@link LAYER_ANNOTATIONS} for a layer. Throws `noInput` if the file cannot be
 * read.
 */
export function readAnnotationFile(usage: Usage<OptionSpecs>, path: string): AnnotationFile {
  const invalid = (why: string) => usageError(usage, `--annotation-file ${path}: ${why}`);
  const content = parseJson(readOptionFile(path).toString());
  if (!isObject(content)) throw invalid("expected a JSON object");
  for (const [name, annotations] of Object.entries(content)) {
    if (!isObject(annotations) || !Object.values(annotations).every((value) => typeof value === "string"))
      throw invalid(`${JSON.stringify(name)} must be an object whose values are strings`);
    const reserved = Object.keys(annotations).find((key) => LAYER_ANNOTATIONS.has(key));
    if (reserved !== undefined && !name.startsWith("$"))
      throw invalid(
        `cannot set ${reserved} of ${JSON.stringify(name)}, because clients need this annotation to restore the layer`,
      );
  }
  const { $manifest = {}, $config = {}, ...layers } = content as Record<string, Annotations>;
  return { manifest: $manifest, config: $config, layers: new Map(Object.entries(layers)) };
}

/** Parses JSON. Returns undefined if the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
