import { type OptionSpecs, type Usage, usageError } from "shared/cli/command-line";
import type { Annotations } from "../oci/descriptor.ts";
import { LAYER_ANNOTATIONS } from "../oci/annotations.ts";
import type { AnnotationFile } from "../artifact/push-artifact.ts";
import { readOptionFile } from "./file.ts";

/** What stands for no annotation file. */
export const NO_ANNOTATIONS: AnnotationFile = { manifest: {}, config: {}, layers: new Map() };

/**
 * Reads an annotation file: a JSON object of objects of text, under `$manifest`, `$config` or a path. Throws a usage
 * failure, naming the file, for anything else and for annotations of layers that clients restore them by.
 */
export function readAnnotationFile(usage: Usage<OptionSpecs>, path: string): AnnotationFile {
  const wrong = (why: string) => usageError(usage, `--annotation-file ${path}: ${why}`);
  let content: unknown;
  try {
    content = JSON.parse(readOptionFile(path).toString());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw wrong("it is not JSON");
  }
  if (!isObject(content)) throw wrong("it is not a JSON object");
  for (const [name, annotations] of Object.entries(content)) {
    if (!isObject(annotations) || !Object.values(annotations).every((value) => typeof value === "string"))
      throw wrong(`${JSON.stringify(name)} is not an object of text values`);
    const ours = name.startsWith("$") ? undefined : Object.keys(annotations).find((key) => LAYER_ANNOTATIONS.has(key));
    if (ours !== undefined) throw wrong(`${ours} of ${JSON.stringify(name)} is what clients restore the layer by`);
  }
  const { $manifest = {}, $config = {}, ...layers } = content as Record<string, Annotations>;
  return { manifest: $manifest, config: $config, layers: new Map(Object.entries(layers)) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
