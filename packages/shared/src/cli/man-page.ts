import type { OptionSpec, OptionSpecs } from "./option-specs.ts";
import { bold, commandLines, escapeRoff, italic, macroLine, textLines } from "./roff.ts";
import type { Definition } from "./text-layout.ts";
import type { Example, Usage } from "./usage.ts";
import {
  environmentText,
  exitCodeDefinitions,
  optionalValue,
  optionGroups,
  optionNames,
  optionText,
  valueName,
} from "./usage-facts.ts";
import { VERSION } from "./version.ts";

/**
 * The name of a command's man page, such as `oras-push-pull`. The file of the page has this name and the extension
 * `.1`.
 */
export function pageName({ name }: Usage<OptionSpecs>): string {
  return name.replaceAll(" ", "-");
}

/**
 * Returns the man page of a command, in the format of man(7). The page belongs to section 1 of the manual. `others` are
 * the commands that the page refers to.
 */
export function manPage(usage: Usage<OptionSpecs>, others: readonly Usage<OptionSpecs>[]): string {
  const lines = [
    // The page has no date, so that the same sources give the same bytes.
    macroLine(
      "TH",
      escapeRoff(pageName(usage).toUpperCase()),
      "1",
      "",
      `oras\\-pod\\-tools ${VERSION}`,
      "User Commands",
    ),
    // Turns off hyphenation, so that no option is split. Also turns off justification.
    ".nh",
    ".ad l",
    ...section("Name", [`${escapeRoff(pageName(usage))} \\- ${escapeRoff(usage.summary)}`]),
    ...section("Synopsis", synopsis(usage)),
    ...section("Description", textLines(usage.description)),
    ...commandSection(usage),
    ...section("Options", optionGroups(usage).flatMap(optionLines)),
    ...usage.notes.flatMap(({ title, text }) => section(title, textLines(text))),
    ...section("Exit status", exitLines(usage)),
    ...section("Environment", textLines(environmentText(usage))),
    ...section("Examples", usage.examples.flatMap(exampleLines)),
    ...section("See also", [others.map((other) => `${bold(pageName(other))}(1)`).join(", ")]),
  ];
  return `${lines.join("\n")}\n`;
}

function section(title: string, body: readonly string[]): string[] {
  return [macroLine("SH", escapeRoff(title.toUpperCase())), ...body];
}

function synopsis({ name, forms }: Usage<OptionSpecs>): string[] {
  return forms.flatMap((form, index) => [...(index === 0 ? [] : [".br"]), `${bold(name)} ${escapeRoff(form)}`]);
}

function commandSection({ commands = [] }: Usage<OptionSpecs>): string[] {
  if (commands.length === 0) return [];
  const list = commands.flatMap((command) =>
    tagged(bold(command.name), `${command.summary}; see ${pageName(command)}(1)`),
  );
  return section("Commands", list);
}

function optionLines({ title, options }: { readonly title: string; readonly options: OptionSpecs }): string[] {
  const list = Object.entries(options).flatMap(([name, spec]) => tagged(optionTag(name, spec), optionText(spec)));
  return [macroLine("SS", escapeRoff(title)), ...list];
}

function optionTag(name: string, spec: OptionSpec): string {
  const names = optionNames(name, spec).map(bold).join(", ") + escapeRoff(optionalValue(spec));
  const value = valueName(spec);
  return value === undefined ? names : `${names} ${italic(value)}`;
}

function exitLines(usage: Usage<OptionSpecs>): string[] {
  const note = usage.exitNote === undefined ? [] : textLines(usage.exitNote);
  const list = exitCodeDefinitions(usage).flatMap(([code, meaning]: Definition) => tagged(bold(code), meaning));
  return [...note, ...list];
}

function exampleLines({ text, command }: Example, index: number): string[] {
  const start = index === 0 ? [] : [".PP"];
  return [...start, ...textLines(`${text}:`), ".PP", ".RS 4", ".nf", ...commandLines(command), ".fi", ".RE"];
}

/** Returns the roff lines for a term and its explanation. The explanation is an indented paragraph. */
function tagged(term: string, text: string): string[] {
  return [".TP", term, ...textLines(text)];
}
