import { shortDigest } from "../oci/digest.ts";
import { dateText, visibleText } from "./cells.ts";
import type { Lineage, LineageInput, LineageNode } from "./lineage.ts";
import type { LineageFormat } from "./query.ts";
import { startOf } from "./run.ts";

/** Formats a lineage. */
export function formatLineage(lineage: Lineage, format: LineageFormat): string {
  return FORMATS[format](lineage);
}

const FORMATS: Readonly<Record<LineageFormat, (lineage: Lineage) => string>> = {
  text: textTree,
  json: jsonLines,
  mermaid,
  dot,
};

/** An artifact that the tree shows next. */
interface Branch {
  readonly digest: LineageNode["digest"];
  /** This artifact as an input of the artifact one level above. Undefined for the root. */
  readonly input: LineageInput | undefined;
  /** The text at the start of each line that shows an input of this artifact. */
  readonly indent: string;
  /** The text at the start of the line that shows this artifact. */
  readonly mark: string;
}

/** Draws a tree. If an artifact occurs several times, its inputs are drawn only once. */
function textTree({ root, nodes }: Lineage): string {
  const lines: string[] = [];
  const drawn = new Set<string>();
  const pending: Branch[] = [{ digest: root, input: undefined, indent: "", mark: "" }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { digest, input, indent, mark } = next;
    const node = nodes.get(digest) as LineageNode;
    const repeated = drawn.has(digest) && node.inputs.length > 0;
    lines.push(`${mark}${nodeText(node, input)}${repeated ? "  (inputs: see above)" : ""}\n`);
    if (drawn.has(digest)) continue;
    drawn.add(digest);
    const branches = node.inputs.map((one, index): Branch => {
      const last = index === node.inputs.length - 1;
      const below = `${indent}${last ? "    " : "│   "}`;
      return { digest: one.digest, input: one, indent: below, mark: `${indent}${last ? "└── " : "├── "}` };
    });
    pending.push(...branches.reverse());
  }
  return lines.join("");
}

function nodeText(node: LineageNode, input: LineageInput | undefined): string {
  const { run, problem } = node;
  const facts = [
    visibleText(input?.reference ?? node.reference),
    shortDigest(node.digest),
    ...(run === undefined ? [] : [run.state, dateText(startOf(run))]),
    ...(problem === undefined ? [] : [`[${visibleText(problem)}]`]),
    ...(input === undefined ? [] : tagMarks(input).map((mark) => `[${mark}]`)),
  ];
  return facts.join("  ");
}

/**
 * Returns a list of short notes about the tag of an input. The list has one note if the tag was deleted, or if it now
 * refers to a different artifact. Otherwise, the list is empty.
 */
function tagMarks({ tag }: LineageInput): string[] {
  if (tag.kind === "gone") return ["the tag was deleted"];
  return tag.kind === "moved" ? [`the tag now refers to ${shortDigest(tag.digest)}`] : [];
}

/** Formats each artifact as a JSON object on its own line. The root comes first. */
function jsonLines({ nodes }: Lineage): string {
  const lines = [...nodes.values()].map(({ reference, digest, run, problem, inputs }) =>
    JSON.stringify({
      reference,
      digest,
      state: run?.state,
      exitCode: run?.exitCode,
      started: run?.started === undefined ? undefined : new Date(run.started).toISOString(),
      error: problem,
      inputs: inputs.map(({ tag, ...input }) => ({
        ...input,
        tag: tag.kind,
        ...(tag.kind === "moved" ? { movedTo: tag.digest } : {}),
      })),
    }),
  );
  return lines.map((line) => `${line}\n`).join("");
}

/**
 * Formats a lineage as a flowchart for Mermaid. Each arrow points from an input to the artifact that uses this input.
 */
function mermaid({ nodes }: Lineage): string {
  return graph(nodes, {
    start: "flowchart LR",
    node: (id, lines) => `  ${id}["${lines.map(mermaidText).join("<br/>")}"]`,
    edge: (from, to, mark) => (mark === "" ? `  ${from} --> ${to}` : `  ${from} -. "${mermaidText(mark)}" .-> ${to}`),
    end: "",
  });
}

/** Formats a lineage as a graph for Graphviz. Each arrow points from an input to the artifact that uses this input. */
function dot({ nodes }: Lineage): string {
  return graph(nodes, {
    start: "digraph lineage {\n  rankdir=LR;\n  node [shape=box];",
    node: (id, lines) => `  ${id} [label="${lines.map(dotText).join("\\n")}"];`,
    edge: (from, to, mark) => `  ${from} -> ${to}${mark === "" ? "" : ` [style=dashed, label="${dotText(mark)}"]`};`,
    end: "}\n",
  });
}

interface GraphSyntax {
  readonly start: string;
  readonly node: (id: string, lines: readonly string[]) => string;
  readonly edge: (from: string, to: string, mark: string) => string;
  readonly end: string;
}

function graph(nodes: Lineage["nodes"], { start, node, edge, end }: GraphSyntax): string {
  const ids = new Map([...nodes.keys()].map((digest, index) => [digest, `a${index}`]));
  const idOf = (digest: LineageNode["digest"]) => ids.get(digest) as string;
  const list = [...nodes.values()];
  const labels = list.map(({ reference, digest, run, problem }) =>
    node(idOf(digest), [reference, [shortDigest(digest), run?.state ?? problem].join(" ")].map(visibleText)),
  );
  const edges = list.flatMap(({ digest, inputs }) =>
    inputs.map((input) => edge(idOf(input.digest), idOf(digest), tagMarks(input).join())),
  );
  return `${[start, ...labels, ...edges].join("\n")}\n${end}`;
}

/** Escapes all characters that may have a special meaning in Mermaid. Replaces each of them with a character code. */
function mermaidText(text: string): string {
  return text.replace(/[^\w .:/@-]/gu, (found) => `#${found.codePointAt(0)};`);
}

function dotText(text: string): string {
  return text.replace(/["\\]/g, "\\$&");
}
