import type { OptionSpecs } from "../option-specs.ts";
import type { Usage } from "../usage.ts";
import { allOptions, optionNames } from "../usage-facts.ts";
import { commandWord, quoted, type ValueCompletion, valueCompletion } from "./values.ts";

/** The completion script of a tool for bash 4 or later. The script does not need the package bash-completion. */
export function bashCompletion(usage: Usage<OptionSpecs>): string {
  const functions = [...(usage.commands ?? []), usage].map(completionFunction);
  const start = `# Completion of ${usage.name} for bash.`;
  return `${[start, ...functions, `complete -F ${functionName(usage)} ${usage.name}`].join("\n\n")}\n`;
}

function functionName({ name }: Usage<OptionSpecs>): string {
  return `_${name.replaceAll(/[ -]/g, "_")}`;
}

function completionFunction(usage: Usage<OptionSpecs>): string {
  const body = [
    ...(usage.commands ?? []).flatMap(dispatch),
    `local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} index`,
    "COMPREPLY=()",
    "# bash splits --option=value into three words.",
    'if [[ $word == "=" ]]; then',
    "  word=",
    'elif [[ $previous == "=" ]]; then',
    `  previous=\${COMP_WORDS[COMP_CWORD - 2]}`,
    "fi",
    "for ((index = 1; index < COMP_CWORD; index++)); do",
    `  if [[ \${COMP_WORDS[index]} == -- ]]; then`,
    ...indented(indented([...afterDashes(usage), "return"])),
    "  fi",
    "done",
    "case $previous in",
    ...indented(valueArms(usage)),
    "esac",
    "if [[ $word == -* ]]; then",
    `  ${reply(`compgen -W ${quoted(allNames(usage).join(" "))}`)}`,
    ...operands(usage),
    "fi",
  ];
  return [`${functionName(usage)}() {`, ...indented(body), "}"].join("\n");
}

function dispatch(command: Usage<OptionSpecs>): string[] {
  const condition = `COMP_CWORD > 1 && \${COMP_WORDS[1]} == ${commandWord(command)}`;
  return [`if [[ ${condition} ]]; then`, `  ${functionName(command)}`, "  return", "fi"];
}

function afterDashes({ wrapsCommand, takesPaths }: Usage<OptionSpecs>): string[] {
  if (wrapsCommand)
    return ["if ((index + 1 == COMP_CWORD)); then", `  ${reply("compgen -c")}`, "else", `  ${FILES}`, "fi"];
  return takesPaths ? [FILES] : [];
}

function operands({ commands = [], takesPaths, wrapsCommand }: Usage<OptionSpecs>): string[] {
  const words = commands.map(commandWord).join(" ");
  return [
    ...(words === "" ? [] : ["elif ((COMP_CWORD == 1)); then", `  ${reply(`compgen -W ${quoted(words)}`)}`]),
    ...(takesPaths || wrapsCommand ? ["else", `  ${FILES}`] : []),
  ];
}

function allNames(usage: Usage<OptionSpecs>): string[] {
  return Object.entries(allOptions(usage)).flatMap(([name, spec]) => optionNames(name, spec));
}

/**
 * Returns the branches of a `case` statement. If the previous word is an option, the statement completes the value of
 * this option. Options with the same completion share one branch.
 */
function valueArms(usage: Usage<OptionSpecs>): string[] {
  const options = Object.entries(allOptions(usage)).filter(([, { type }]) => type !== "flag");
  const arms = Map.groupBy(options, ([, spec]) => valueLines(valueCompletion(spec)).join("\n"));
  return [...arms].flatMap(([lines, options]) => {
    const names = options.flatMap(([name, spec]) => optionNames(name, spec));
    return [`${names.join(" | ")})`, ...indented([...lines.split("\n").filter(Boolean), "return", ";;"])];
  });
}

function valueLines(completion: ValueCompletion): string[] {
  switch (completion.kind) {
    case "choices":
      return [reply(`compgen -W ${quoted(completion.choices.join(" "))}`)];
    case "files":
      return [FILES];
    case "folders":
      return [`${reply("compgen -d")}; ${FILE_NAMES}`];
    default:
      return [];
  }
}

function reply(generator: string): string {
  return `mapfile -t COMPREPLY < <(${generator} -- "$word")`;
}

/** After this command, bash quotes special characters in file names, and adds a slash to the name of a folder. */
const FILE_NAMES = "compopt -o filenames 2>/dev/null";

const FILES = `${reply("compgen -f")}; ${FILE_NAMES}`;

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
