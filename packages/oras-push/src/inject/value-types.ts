/** The valid values of an annotation. */
export interface ValueType {
  /**
   * A regular expression that a valid value matches. If the value is a list, each line matches. The expression must
   * mean the same in JavaScript and in RE2, because injection uses JavaScript, and the admission policies use CEL,
   * whose function `matches` uses the syntax of RE2.
   */
  readonly pattern: string;
  /** A description of the valid values. Messages show this text after "must be". */
  readonly words: string;
  /** Whether the value is a list with one item per line. The default is false. */
  readonly list?: true;
}

const WORD = "[^ \\t\\r\\n]";
const TAG = "[^ \\t\\r\\n/:@]+";
const DIGEST = "@sha256:[0-9a-f]{64}";
const OBJECT_NAME = "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$";

/** The types of values, by name. */
export const VALUE_TYPES = {
  flag: { pattern: "^(true|false)$", words: '"true" or "false"' },
  true: { pattern: "^true$", words: '"true", because a pull always restores folders' },
  seconds: { pattern: "^[0-9]{1,9}([.][0-9]{1,3})?$", words: "a number of seconds, such as 60" },
  count: { pattern: "^[1-9][0-9]{0,2}$", words: "a whole number from 1 to 999" },
  tagCount: { pattern: "^[1-9][0-9]{0,3}$", words: "a whole number from 1 to 9999" },
  level: { pattern: "^[1-9]$", words: "a whole number from 1 to 9" },
  keep: { pattern: "^(push|discard)$", words: "push or discard" },
  resume: { pattern: "^(required|best-effort)$", words: "required or best-effort" },
  text: { pattern: "^[^\\r\\n]+$", words: "a text of one line" },
  compression: { pattern: "^(gzip|zstd|none)$", words: "gzip, zstd or none" },
  path: { pattern: "^[^\\r\\n]+$", words: "a path" },
  paths: { pattern: "^[^\\r\\n]+$", words: "paths, one per line", list: true },
  condition: { pattern: "^[A-Za-z_][-._A-Za-z0-9]*=[^\\r\\n]*$", words: "NAME=VALUE" },
  keyValues: { pattern: "^[^ =\\t\\r\\n]+=[^\\r\\n]*$", words: "KEY=VALUE, one per line", list: true },
  patterns: { pattern: "^[^\\r\\n]+$", words: "patterns, one per line", list: true },
  mediaType: { pattern: `^${WORD}+/${WORD}+$`, words: "a media type, such as application/vnd.example.run" },
  label: {
    pattern: "^[a-z]([-a-z0-9]{0,59}[a-z0-9])?$",
    words: "the name of a registry: letters, digits and dashes, such as oras",
  },
  objectName: { pattern: OBJECT_NAME, words: "the name of an object in the pod's namespace" },
  containerName: { pattern: "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", words: "the name of a container" },
  host: { pattern: "^[^ \\t\\r\\n/]+$", words: "HOST or HOST:PORT, without https:// and without a path" },
  image: { pattern: `^${WORD}+$`, words: "the name of an image" },
  url: { pattern: "^[^\\r\\n]+$", words: "a URL" },
  pushUri: { pattern: `^[^ \\t\\r\\n/:@]${WORD}*:${TAG}$`, words: "REPOSITORY:TAG" },
  pullUri: { pattern: `^[^ \\t\\r\\n/:@]${WORD}*(:${TAG}|${DIGEST})$`, words: "REPOSITORY:TAG or REPOSITORY@DIGEST" },
  pushReference: { pattern: `^[^ \\t\\r\\n/@]+/${WORD}+:${TAG}$`, words: "REGISTRY/REPOSITORY:TAG" },
  pullReferences: {
    pattern: `^[^ \\t\\r\\n/@]+/${WORD}+(:${TAG}|${DIGEST})$`,
    words: "REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@DIGEST, one per line",
    list: true,
  },
} as const satisfies Readonly<Record<string, ValueType>>;

/** The name of a type of {@link VALUE_TYPES}. */
export type ValueTypeName = keyof typeof VALUE_TYPES;

/** Returns a type of values by its name. */
export function valueType(name: ValueTypeName): ValueType {
  return VALUE_TYPES[name];
}
