/** Compares the output of a command with an example that a page shows. */

/** The parts of an output that differ between two runs. */
const VARIABLE_PARTS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "UUID"],
  [/\bsha256:[0-9a-f]{64}\b/g, "sha256:DIGEST"],
  [/\b[0-9a-f]{12}\b/g, "DIGEST"],
  [/\b\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?/g, "TIME"],
  [/\b\d+:\d\d:\d\d\b/g, "DURATION"],
  [/\b(\d+[dhms])+\b/g, "AGE"],
  [/\b\d+\.\d+(?= on \d+ procs)/g, "SECONDS"],
  // Kubernetes uses only these characters in the suffix of a pod's name.
  [/(?<=[a-z0-9]-)[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, "SUFFIX"],
  [/"dev\.oras-pod-tools\.run\.node": "[^"]+"/g, '"dev.oras-pod-tools.run.node": "NODE"'],
  // The width of the columns.
  [/(?<=\S) {2,}/g, " "],
];

/**
 * Lines that do not appear in every run. They depend on the start order of a workflow's parts, and on the time that an
 * application takes.
 */
const OPTIONAL_LINE = /^oras-push: (?:waiting up to \d+ s for missing inputs: |still waiting for )/;

/** A line about a layer. The tools transfer several layers at once, so the order of these lines varies. */
const LAYER_LINE = /^(?:Up|Down)load(?:ing|ed) /;

/**
 * A line that a tool writes to stdout. All other lines go to stderr. Kubernetes does not keep the order between the
 * lines of stdout and the lines of stderr.
 */
const RESULT_LINE = /^(?:Pushed \[|Pulled \[|Digest: )/;

/** In an example, this line stands for any number of lines. */
const OMISSION = "...";

/**
 * Returns whether an output has the same lines as an example. Without an example, returns true for any output. Digests,
 * times, durations, the suffixes of pods' names, the name of the node and the width of columns may differ.
 */
export function hasShape(output: string, example: string = OMISSION): boolean {
  const [lines, expected] = [normalize(output), normalize(example)];
  const isLog = (line: string) => !RESULT_LINE.test(line);
  const isResult = (line: string) => RESULT_LINE.test(line) || line === OMISSION;
  return (
    matches(lines.filter(isLog), expected.filter(isLog)) && matches(lines.filter(isResult), expected.filter(isResult))
  );
}

function matches(lines: readonly string[], example: readonly string[]): boolean {
  const [first = [], ...rest] = segments(example);
  if (!isAt(lines, 0, first)) return false;
  let position = first.length;
  const last = rest.pop();
  for (const segment of rest) {
    const found = findSegment(lines, position, segment);
    if (found === undefined) return false;
    position = found + segment.length;
  }
  if (last === undefined) return position === lines.length;
  const end = lines.length - last.length;
  return end >= position && isAt(lines, end, last);
}

/** Returns the lines of a text in a form that is the same for all runs of a command. */
function normalize(text: string): string[] {
  let result = text;
  for (const [pattern, name] of VARIABLE_PARTS) result = result.replaceAll(pattern, name);
  const lines = result.split("\n").map((line) => line.trimEnd());
  return sortLayers(lines.filter((line) => line !== "" && !OPTIONAL_LINE.test(line)));
}

/** Sorts each group of neighboring lines about layers. */
function sortLayers(lines: readonly string[]): string[] {
  const result: string[] = [];
  for (let start = 0; start < lines.length; ) {
    const end = lines.findIndex((line, index) => index >= start && !LAYER_LINE.test(line));
    const stop = end < 0 ? lines.length : Math.max(end, start + 1);
    result.push(...lines.slice(start, stop).sort());
    start = stop;
  }
  return result;
}

/** Splits the lines of an example at the omissions. */
function segments(lines: readonly string[]): string[][] {
  const result: string[][] = [[]];
  for (const line of lines) {
    if (line === OMISSION) result.push([]);
    else result.at(-1)?.push(line);
  }
  return result;
}

function findSegment(lines: readonly string[], from: number, segment: readonly string[]): number | undefined {
  for (let start = from; start + segment.length <= lines.length; start++) if (isAt(lines, start, segment)) return start;
  return undefined;
}

function isAt(lines: readonly string[], start: number, segment: readonly string[]): boolean {
  return segment.every((line, index) => lines[start + index] === line);
}
