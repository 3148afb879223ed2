/** An operation of a JSON patch (RFC 6902, section 4). Injection needs only these three operations. */
export type PatchOperation =
  | {
      readonly op: "add";
      /**
       * The JSON pointer of the new value (RFC 6901). If the last part of the pointer is `-`, the value is appended to
       * an array.
       */
      readonly path: string;
      readonly value: unknown;
    }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move"; readonly from: string; readonly path: string };

/** A JSON patch. */
export type JsonPatch = readonly PatchOperation[];

/** The path to a value: names of fields and indexes of arrays. */
export type Path = readonly (string | number)[];

/** Creates an operation that adds a value, or replaces the value of a field. */
export function add(path: Path, value: unknown): PatchOperation {
  return { op: "add", path: pointer(path), value };
}

/** Creates an operation that removes a value. */
export function remove(path: Path): PatchOperation {
  return { op: "remove", path: pointer(path) };
}

/** Creates an operation that moves a value. */
export function move(from: Path, path: Path): PatchOperation {
  return { op: "move", from: pointer(from), path: pointer(path) };
}

/** Converts a patch for a part of an object into a patch for the whole object. `prefix` is the path to the part. */
export function below(prefix: Path, patch: JsonPatch): JsonPatch {
  const start = pointer(prefix);
  return patch.map((operation) => ({
    ...operation,
    path: `${start}${operation.path}`,
    ...(operation.op === "move" ? { from: `${start}${operation.from}` } : {}),
  }));
}

/** Returns the parts of a JSON pointer. */
export function pointerParts(path: string): string[] {
  const parts = path.split("/").slice(1);
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Applies a patch to a copy of a JSON value. Returns the copy. Throws if the path of an operation does not exist. */
export function applyPatch<T>(value: T, patch: JsonPatch): T {
  // The value can contain the same array at two places. structuredClone would copy this array only once, and a change
  // at one place would also change the other place.
  const copy = JSON.parse(JSON.stringify(value)) as T;
  for (const operation of patch) applyOperation(copy, operation);
  return copy;
}

function applyOperation(root: unknown, operation: PatchOperation): void {
  if (operation.op === "add") return addValue(root, operation.path, JSON.parse(JSON.stringify(operation.value)));
  const removed = removeValue(root, operation.op === "move" ? operation.from : operation.path);
  if (operation.op === "move") addValue(root, operation.path, removed);
}

function addValue(root: unknown, path: string, value: unknown): void {
  const { parent, last } = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(last === "-" ? parent.length : Number(last), 0, value);
  else parent[last] = value;
}

function removeValue(root: unknown, path: string): unknown {
  const { parent, last } = parentOf(root, path);
  if (Array.isArray(parent)) return parent.splice(Number(last), 1)[0];
  const value = parent[last];
  delete parent[last];
  return value;
}

function parentOf(root: unknown, path: string) {
  const parts = pointerParts(path);
  const last = parts.pop();
  const parent = parts.reduce<unknown>(memberOf, root);
  if (last === undefined || typeof parent !== "object" || parent === null) throw new Error(`${path} does not exist`);
  return { parent: parent as unknown[] | Record<string, unknown>, last } as
    | { parent: unknown[]; last: string }
    | { parent: Record<string, unknown>; last: string };
}

function memberOf(parent: unknown, part: string): unknown {
  return typeof parent === "object" && parent !== null ? (parent as Record<string, unknown>)[part] : undefined;
}

function pointer(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
