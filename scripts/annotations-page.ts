/** The page docs/annotations.md, made from the table of annotations. */
import { ANNOTATIONS, type Annotation, NONE, OPERATOR_PREFIX, OWN_PREFIX } from "oras-push/inject/annotations";
import { valueType } from "oras-push/inject/value-types";

const INTRODUCTION = `# Annotations

Injection reads these annotations of a pod. The [guide](guide.md#annotate-your-own-jobs) explains how to use them.
\`pnpm write-docs\` writes this page.

- A value is a text, so write numbers, \`true\` and \`false\` in quotes.
- You can use annotations of both prefixes in one pod. If two annotations set the same single value, the pod is refused.
- A reference can contain \`$(POD_NAMESPACE)\`, \`$(POD_NAME)\` and \`$(NODE_NAME)\`. In an Indexed Job, it can also contain
  \`$(JOB_COMPLETION_INDEX)\`.
- The annotations of a Job or of a CronJob's template also apply to its pods. The annotations of the pod template win.
`;

/** The content of docs/annotations.md. */
export function annotationsPage(): string {
  return [
    INTRODUCTION,
    section(
      "Annotations of the ORAS Operator",
      OPERATOR_PREFIX,
      `These annotations have the names and the meanings that the ORAS Operator gives them. The value \`${NONE}\` means that nothing is set.`,
    ),
    section(
      "Annotations of these tools",
      OWN_PREFIX,
      "These annotations set the other options of the launcher and of the sidecar.",
    ),
  ].join("\n");
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
