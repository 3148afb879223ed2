import type { OptionSpec, OptionSpecs } from "../option-specs.ts";
import type { Usage } from "../usage.ts";
import { allOptions } from "../usage-facts.ts";
import { commandWord, valueCompletion } from "./values.ts";

/** The completion script of a tool for fish 3 or later. */
export function fishCompletion(usage: Usage<OptionSpecs>): string {
  const { name, commands = [] } = usage;
  const lines = [
    `# Completion of ${name} for fish.`,
    ...(commands.length === 0 ? [] : [commandFunction(usage)]),
    ...(usage.wrapsCommand ? [wrappedCommandFunction(usage)] : []),
    ...commands.flatMap((command) =>
      completeLines(name, command, `test (${helperName(usage)}) = ${commandWord(command)}`),
    ),
    ...commands.map((command) => commandLine(name, command)),
    ...completeLines(name, usage, commands.length === 0 ? undefined : `test -z (${helperName(usage)})`),
  ];
  return `${lines.join("\n")}\n`;
}

function helperName({ name }: Usage<OptionSpecs>): string {
  return `__${name.replaceAll("-", "_")}_command`;
}

/** A fish function that prints the subcommand of the command line, or an empty line if there is no subcommand. */
function commandFunction(usage: Usage<OptionSpecs>): string {
  return [
    `function ${helperName(usage)}`,
    "    set -l words (commandline -opc)",
    `    contains -- "$words[2]" ${(usage.commands ?? []).map(commandWord).join(" ")}; and echo $words[2]; or echo`,
    "end",
  ].join("\n");
}

/** A fish function that completes the command line after `--`. The function fails if there is no `--`. */
function wrappedCommandFunction(usage: Usage<OptionSpecs>): string {
  return [
    `function ${helperName(usage)}`,
    "    set -l words (commandline -opc)",
    "    set -l dashes (contains -i -- -- $words); or return 1",
    "    set -l command (string escape -- $words[$dashes..-1])[2..-1] (commandline -ct)",
    '    complete -C (string join " " -- $command)',
    "end",
  ].join("\n");
}

function commandLine(tool: string, command: Usage<OptionSpecs>): string {
  const condition = "test (count (commandline -opc)) = 1";
  return `complete -c ${tool} -n ${quotedForFish(condition)} -a ${commandWord(command)} -d ${quotedForFish(command.summary)}`;
}

function completeLines(tool: string, usage: Usage<OptionSpecs>, condition: string | undefined): string[] {
  const start = `complete -c ${tool}${condition === undefined ? "" : ` -n ${quotedForFish(condition)}`}`;
  const options = Object.entries(allOptions(usage)).map(([name, spec]) => `${start} ${optionArguments(name, spec)}`);
  const wrapped = `complete -c ${tool} -n ${quotedForFish(`${helperName(usage)} >/dev/null`)} -f -a '(${helperName(usage)})'`;
  if (usage.wrapsCommand) return [...options, wrapped];
  return usage.takesPaths ? options : [`${start} -f`, ...options];
}

function optionArguments(name: string, spec: OptionSpec): string {
  const names = spec.alias === undefined ? `-l ${name}` : `-s ${spec.alias} -l ${name}`;
  return [names, ...valueArguments(spec), `-d ${quotedForFish(spec.description)}`].join(" ");
}

function valueArguments(spec: OptionSpec): string[] {
  const completion = valueCompletion(spec);
  switch (completion.kind) {
    case "flag":
      return [];
    case "choices":
      return [`-x -a ${quotedForFish(completion.choices.join(" "))}`];
    case "files":
      return ["-r -F"];
    case "folders":
      return ["-x -a '(__fish_complete_directories (commandline -ct))'"];
    case "text":
      return ["-x"];
  }
}

/** Puts a text in single quotes, so that fish reads the text as one word. */
function quotedForFish(text: string): string {
  return `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
}
