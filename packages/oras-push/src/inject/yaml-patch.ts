import { type Document, isCollection, isMap, isNode, isSeq, type YAMLMap, type YAMLSeq } from "yaml";
import { type JsonPatch, type PatchOperation, pointerParts } from "./json-patch.ts";

/**
 * Applies a patch to a YAML document. Unchanged nodes keep their comments and their style. Throws if the path of an
 * operation does not exist.
 */
export function patchYaml(document: Document, patch: JsonPatch): void {
  for (const operation of patch) applyOperation(document, operation);
}

function applyOperation(document: Document, operation: PatchOperation): void {
  if (operation.op === "add") {
    // Without this option, the YAML would contain an anchor and an alias instead of a repeated value.
    const node = document.createNode(operation.value, { aliasDuplicateObjects: false });
    return addNode(document, operation.path, node);
  }
  const removed = removeNode(document, operation.op === "move" ? operation.from : operation.path);
  if (operation.op === "move") addNode(document, operation.path, removed);
}

function addNode(document: Document, path: string, node: unknown): void {
  const { parent, last } = parentOf(document, path);
  // This setting puts each item on a separate line. A long list in brackets is hard to read.
  parent.flow = false;
  if (isMap(parent)) parent.set(keyIn(parent, last), node);
  else parent.items.splice(last === "-" ? parent.items.length : Number(last), 0, node);
}

function removeNode(document: Document, path: string): unknown {
  const { parent, last } = parentOf(document, path);
  const key = isMap(parent) ? keyIn(parent, last) : Number(last);
  const node = parent.get(key, true);
  parent.delete(key);
  return node;
}

function parentOf(document: Document, path: string): { parent: YAMLMap | YAMLSeq; last: string } {
  const parts = pointerParts(path);
  const last = parts.pop();
  const parent = parts.reduce<unknown>(
    (node, part) => (isCollection(node) ? node.get(isSeq(node) ? Number(part) : part, true) : undefined),
    document.contents,
  );
  if (last === undefined || !(isMap(parent) || isSeq(parent))) throw new Error(`${path} does not exist`);
  return { parent, last };
}

/**
 * Returns the node of the key `name` in a map. This node contains the comment on the key, if there is a comment.
 * Returns `name` itself if the map does not have the key.
 */
function keyIn({ items }: YAMLMap, name: string): unknown {
  return items.map(({ key }) => key).find((key) => isNode(key) && String(key) === name) ?? name;
}
