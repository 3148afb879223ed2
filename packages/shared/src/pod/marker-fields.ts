/** An artifact in a registry. */
export interface ArtifactRecord {
  readonly reference: string;
  readonly digest: string;
}

/** The fields of a marker. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses the text of a marker. An empty text has no fields. Returns undefined if the text is not a JSON object. */
export function parseObject(text: string): JsonObject | undefined {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value has the fields of an artifact. */
export function isArtifact(value: unknown): value is ArtifactRecord {
  return isObject(value) && typeof value.reference === "string" && typeof value.digest === "string";
}

/**
 * Copies one field of `fields` into a new object. `name` is the name of this field. If the field is not an artifact,
 * the new object is empty.
 */
export function artifactField<const N extends string>(
  fields: JsonObject,
  name: N,
): { readonly [K in N]?: ArtifactRecord } {
  const value = fields[name];
  if (!isArtifact(value)) return {};
  return { [name]: { reference: value.reference, digest: value.digest } } as { readonly [K in N]: ArtifactRecord };
}

/** Returns the field `name` if this field is a string. Otherwise, returns null. */
export function textField(fields: JsonObject, name: string): string | null {
  const value = fields[name];
  return typeof value === "string" ? value : null;
}

/**
 * Copies the field `name` of `fields` into a new object. If the field is not a non-negative integer, the new object is
 * empty.
 */
export function numberField<const N extends string>(fields: JsonObject, name: N): { readonly [K in N]?: number } {
  const value = fields[name];
  if (!Number.isSafeInteger(value) || (value as number) < 0) return {};
  return { [name]: value } as { readonly [K in N]: number };
}
