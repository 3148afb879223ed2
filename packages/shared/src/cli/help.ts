import type { OptionSpec, OptionSpecs } from "./option-specs.ts";
import { type Definition, definitionColumn, layOutDefinitions, wrapCommand, wrapText } from "./text-layout.ts";
import type { Usage } from "./usage.ts";
import {
  environmentText,
  exitCodeDefinitions,
  optionalValue,
  optionGroups,
  optionNames,
  optionText,
  valueName,
} from "./usage-facts.ts";

/** The minimum and maximum width of a help text, in characters. */
const WIDTHS = { least: 60, most: 120 } as const;

/** The width of a help text in characters, if stdout is not a terminal. */
const DEFAULT_WIDTH = 100;

const INDENT = "  ";

/**
 * Returns the help text of a command. The text is as wide as the terminal, but at least 60 and at most 120 characters
 * wide. `columns` is the width of the terminal. The default is 100.
 */
export function helpText(usage: Usage<OptionSpecs>, columns: number = DEFAULT_WIDTH): string {
  const width = Math.min(Math.max(columns, WIDTHS.least), WIDTHS.most);
  const sections = [
    section(
      "Usage",
      usage.forms.map((form) => wrapText(`${usage.name} ${form}`, width, INDENT, `${INDENT}    `)).join("\n"),
    ),
    wrapText(usage.description, width),
    ...commandSection(usage, width),
    ...optionSections(usage, width),
    section("Examples", examples(usage, width)),
    ...[...usage.notes, { title: "Environment", text: environmentText(usage) }].map(({ title, text }) =>
      section(title, wrapText(text, width, INDENT)),
    ),
    exitCodeSection(usage, width),
  ];
  return `${sections.join("\n\n")}\n`;
}

function section(title: string, body: string): string {
  return `${title}:\n${body}`;
}

function commandSection({ commands = [], name }: Usage<OptionSpecs>, width: number): string[] {
  if (commands.length === 0) return [];
  const definitions = commands.map(({ name, summary }): Definition => [name, summary]);
  const more = `Run '${name} COMMAND --help' for the help of a command.`;
  return [section("Commands", `${listed(definitions, width)}\n\n${INDENT}${more}`)];
}

function optionSections(usage: Usage<OptionSpecs>, width: number): string[] {
  const groups = optionGroups(usage).map(({ title, options }) => ({
    title,
    definitions: Object.entries(options).map(([name, spec]): Definition => [optionLabel(name, spec), optionText(spec)]),
  }));
  const column = definitionColumn(
    groups.flatMap(({ definitions }) => definitions),
    width,
  );
  return groups.map(({ title, definitions }) => section(title, layOutDefinitions(definitions, width, column)));
}

/** Returns an option in the form `-o, --output DIR`. Options without a short name are indented. */
function optionLabel(name: string, spec: OptionSpec): string {
  const names = optionNames(name, spec).join(", ") + optionalValue(spec);
  const label = spec.alias === undefined ? `    ${names}` : names;
  const value = valueName(spec);
  return value === undefined ? label : `${label} ${value}`;
}

function examples({ examples }: Usage<OptionSpecs>, width: number): string {
  const indent = INDENT + INDENT;
  return examples
    .map(({ text, command }) => `${wrapText(`${text}:`, width, INDENT)}\n${wrapCommand(command, width, indent)}`)
    .join("\n\n");
}

function exitCodeSection(usage: Usage<OptionSpecs>, width: number): string {
  const list = listed(exitCodeDefinitions(usage), width);
  const note = usage.exitNote === undefined ? "" : `${wrapText(usage.exitNote, width, INDENT)}\n\n`;
  return section("Exit codes", note + list);
}

function listed(definitions: readonly Definition[], width: number): string {
  return layOutDefinitions(definitions, width, definitionColumn(definitions, width));
}
