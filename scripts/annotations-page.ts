/** Makes the page docs/annotations.md from the table of annotations. */
import { ANNOTATIONS, type Annotation, NONE, OPERATOR_PREFIX, OWN_PREFIX } from "oras-push/inject/annotations";
import { OPTIONS_WITHOUT_ANNOTATION } from "oras-push/inject/options-without-annotation";
import { valueType } from "oras-push/inject/value-types";

const INTRODUCTION = `# Annotations

This page lists the annotations of a pod that injection reads. The [guide](guide.md#annotate-your-own-jobs) explains how
to use the annotations. \`pnpm write-docs\` writes this page.

- The value of an annotation must be a string. So write numbers, \`true\` and \`false\` in quotes.
- You can use annotations of both prefixes in one pod. But two annotations must not set the same thing: for example, use
  either \`output-uri\` or \`push-to\`. Several annotations for inputs or for output paths are allowed.
- A reference can contain \`$(POD_NAMESPACE)\`, \`$(POD_NAME)\` and \`$(NODE_NAME)\`. In an Indexed Job, it can also contain
  \`$(JOB_COMPLETION_INDEX)\`.
- The annotations of a Job, or of the \`jobTemplate\` of a CronJob, also apply to the pods. If the pod template has the
  same annotation with a different value, the value in the pod template applies.
`;

/** The content of docs/annotations.md. */
export function annotationsPage(): string {
  return [
    INTRODUCTION,
    section(
      "Annotations of the ORAS Operator",
      OPERATOR_PREFIX,
      `The names and the meanings are the same as in the ORAS Operator. An annotation with the value \`${NONE}\` has no effect.`,
    ),
    section(
      "Annotations of these tools",
      OWN_PREFIX,
      "The ORAS Operator does not have these annotations. Most annotations in this table set an option of the launcher or of the sidecar.",
    ),
    withoutAnnotation(),
  ].join("\n");
}

function withoutAnnotation(): string {
  const rows = Object.entries(OPTIONS_WITHOUT_ANNOTATION).flatMap(([tool, options]) =>
    Object.entries(options).map(([option, reason]) => `| ${tool} \`--${option}\` | ${reason} |`),
  );
  const text =
    "The column *sets* above contains all options of the launcher and of the sidecar, except the following options.";
  return `## Options without an annotation\n\n${text}\n\n| option | reason |\n| --- | --- |\n${rows.join("\n")}\n`;
}

function section(title: string, prefix: string, text: string): string {
  const rows = ANNOTATIONS.filter(({ name }) => name.startsWith(prefix)).map((annotation) =>
    tableRow(annotation, prefix),
  );
  const table = [["annotation", "value", "meaning", "default", "sets"], ["---", "---", "---", "---", "---"], ...rows];
  const lines = table.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  return `## ${title}\n\nThe name of each annotation starts with \`${prefix}\`. ${text}\n\n${lines}\n`;
}

function tableRow({ name, type, sets, meaning, default: shown = "" }: Annotation, prefix: string): string[] {
  const target = typeof sets === "string" ? "" : sets.tools.map((tool) => `${tool} \`--${sets.option}\``).join(", ");
  return [`\`${name.slice(prefix.length)}\``, escapeCell(valueType(type).words), escapeCell(meaning), shown, target];
}

function escapeCell(words: string): string {
  return words.replaceAll("|", "\\|");
}
