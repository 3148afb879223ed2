import { ToolError } from "shared/cli/tool-error";
import {
  Document,
  type DocumentOptions,
  type ParsedNode,
  type ParseOptions,
  parseDocument,
  type SchemaOptions,
  type Tags,
  visit,
} from "yaml";
import { applyPatch, type JsonPatch } from "./json-patch.ts";
import { patchYaml } from "./yaml-patch.ts";

/** One object of a manifest. */
export interface ManifestDocument {
  /** The object as JSON. The value is null if the document contains no object. */
  readonly object: unknown;
  /** Returns the text after a patch is applied. If the patch is empty, returns the exact text of the file. */
  patched(patch: JsonPatch): string;
  /** Returns the unchanged object as text, in the format that {@link patched} uses for a changed object. */
  formatted(): string;
}

/** Types of YAML 1.1 that kubectl does not support. For example, kubectl reads `2026-01-31` as a string. */
const UNKNOWN_TAGS = /timestamp|binary|omap|pairs|set/;

/**
 * kubectl reads YAML 1.1, in which `yes` is true and `0777` is octal. But kubectl reads `12:30` as a string, not as a
 * sexagesimal number.
 */
const READ = {
  version: "1.1",
  customTags: (tags: Tags) =>
    tags.filter((tag) => typeof tag === "string" || (!UNKNOWN_TAGS.test(tag.tag) && !isSexagesimal(tag))),
  logLevel: "error",
} as const satisfies ParseOptions & DocumentOptions & SchemaOptions;

/**
 * Reads the objects of a manifest: YAML documents or one JSON value. `name` is the name of the file in messages. Throws
 * `usage` if the text is invalid.
 */
export function parseManifestFile(name: string, text: string): readonly ManifestDocument[] {
  if (/^\s*[{[]/.test(text)) return [jsonDocument(name, text)];
  // A line that starts with --- always separates two documents (YAML 1.1, section 4.1.2).
  const parts = text.split(/^(?=---(?:\s|$))/m);
  return parts.map((part, index) => yamlDocument(parts.length > 1 ? `document ${index + 1} of ${name}` : name, part));
}

function jsonDocument(name: string, text: string): ManifestDocument {
  try {
    const object: unknown = JSON.parse(text);
    const print = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
    return {
      object,
      patched: (patch) => (patch.length === 0 ? text : print(applyPatch(object, patch))),
      formatted: () => print(object),
    };
  } catch (error) {
    // A text that starts with a brace, but is not JSON, can still be YAML.
    if (!/^\s*\{/.test(text) || !(error instanceof SyntaxError)) throw invalidFile(name, (error as Error).message);
    return yamlDocument(name, text);
  }
}

function yamlDocument(name: string, text: string): ManifestDocument {
  const read = () => readYaml(name, text);
  const style = { indentSeq: indentsLists(text), flowCollectionPadding: padsBrackets(text) };
  // `lineWidth: 0` prevents the wrapping of long lines. A line break inside a string could change the string.
  const write = (document: Document) => document.toString({ ...style, lineWidth: 0 });
  const document = read();
  return {
    object: document === undefined ? null : document.toJS(),
    patched: (patch) => {
      const copy = patch.length === 0 ? undefined : read();
      if (copy === undefined) return text;
      patchYaml(copy, patch);
      return write(copy);
    },
    formatted: () => (document === undefined ? text : write(document)),
  };
}

/** Parses a document. Returns undefined if the document is empty, or contains only comments or directives. */
function readYaml(name: string, text: string): Document | undefined {
  if (text.split("\n").every((line) => /^(\s*|---\s*|\.\.\.\s*|[%#].*|\s+#.*|---\s+#.*)$/.test(line))) return undefined;
  const document: Document.Parsed<ParsedNode> = parseDocument(text, READ);
  const [error] = document.errors;
  if (error !== undefined) throw invalidFile(name, error.message.split("\n")[0] ?? "");
  return hasAlias(document) ? withoutAliases(document) : document;
}

/**
 * Replaces each alias with a copy of its node. Otherwise, a patch of a node would also change all aliases of this node.
 * The result has no comments.
 */
function withoutAliases(document: Document.Parsed<ParsedNode>): Document {
  const copy = new Document(document.toJS(), { ...READ, aliasDuplicateObjects: false });
  if (copy.directives !== undefined) copy.directives.docStart = document.directives.docStart;
  return copy;
}

function hasAlias(document: Document): boolean {
  let found = false;
  visit(document, {
    Alias: () => {
      found = true;
      return visit.BREAK;
    },
  });
  return found;
}

function isSexagesimal({ format }: { readonly format?: string }): boolean {
  return format === "TIME";
}

/** Returns false if at least one list in a YAML text has the same indentation as its key. Otherwise, returns true. */
function indentsLists(text: string): boolean {
  return !/^( *)(?:- )?[\w./-]+:[^\S\n]*(?:#.*)?\n\1- /m.test(text);
}

/** Whether a YAML text contains brackets with spaces inside, as in `[ a, b ]`. */
function padsBrackets(text: string): boolean {
  return /[:-] +(?:\[ |\{ )/.test(text);
}

function invalidFile(name: string, why: string): ToolError {
  return new ToolError("usage", `${name} is not a valid manifest`, { why });
}
