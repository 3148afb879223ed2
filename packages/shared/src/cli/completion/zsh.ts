import type { OptionSpec, OptionSpecs } from "../option-specs.ts";
import type { Usage } from "../usage.ts";
import { allOptions, optionNames, valueName } from "../usage-facts.ts";
import { commandWord, quoted, valueCompletion } from "./values.ts";

/**
 * The completion script of a tool for zsh. Save the script in a folder of `fpath`. For the tool `oras-push`, the name
 * of the file is `_oras-push`.
 */
export function zshCompletion(usage: Usage<OptionSpecs>): string {
  const { name, commands = [] } = usage;
  const main = functionName(usage);
  const parts = [
    `#compdef ${name}`,
    ...commands.map(completionFunction),
    ...(commands.length === 0 ? [] : [commandsFunction(usage)]),
    completionFunction(usage),
    // A user can load this file in two ways. If the file is in a folder of `fpath`, zsh runs the file as a function at
    // the first completion of the command. The user can also source the file.
    `if [[ $funcstack[1] == ${main} ]]; then\n  ${main} "$@"\nelse\n  compdef ${main} ${name}\nfi`,
  ];
  return `${parts.join("\n\n")}\n`;
}

function functionName({ name }: Usage<OptionSpecs>): string {
  return `_${name.replaceAll(" ", "-")}`;
}

function completionFunction(usage: Usage<OptionSpecs>): string {
  const specs = [
    ...Object.entries(allOptions(usage)).flatMap(([name, spec]) => optionSpecs(name, spec)),
    ...operandSpecs(usage),
  ];
  return [
    `${functionName(usage)}() {`,
    ...(usage.commands ?? []).flatMap(dispatch),
    "  _arguments -s -S \\",
    `${specs.map((spec) => `    ${quoted(spec)}`).join(" \\\n")}`,
    "}",
  ].join("\n");
}

function dispatch(command: Usage<OptionSpecs>): string[] {
  return [
    `  if (( CURRENT > 2 )) && [[ $words[2] == ${commandWord(command)} ]]; then`,
    "    shift words",
    "    (( CURRENT-- ))",
    `    ${functionName(command)}`,
    "    return",
    "  fi",
  ];
}

function commandsFunction(usage: Usage<OptionSpecs>): string {
  const commands = (usage.commands ?? []).map((command) => quoted(`${commandWord(command)}:${command.summary}`));
  return [
    `${functionName(usage)}-commands() {`,
    `  local -a commands=(${commands.join(" ")})`,
    "  _describe -t commands command commands",
    "}",
  ].join("\n");
}

/** Returns the `_arguments` specifications of an option. Each name of the option has one specification. */
function optionSpecs(name: string, spec: OptionSpec): string[] {
  const names = optionNames(name, spec);
  const repeat = spec.type === "list" ? "*" : `(${names.join(" ")})`;
  const description = `[${spec.description.replaceAll(/[[\]\\]/g, "\\$&")}]`;
  const value = valueName(spec)?.replaceAll(":", "\\:");
  return names.map((name) => {
    if (value === undefined) return `${repeat}${name}${description}`;
    return `${repeat}${name}${name.startsWith("--") ? "=" : "+"}${description}:${value}:${valueAction(spec)}`;
  });
}

function valueAction(spec: OptionSpec): string {
  const completion = valueCompletion(spec);
  if (completion.kind === "choices") return `(${completion.choices.join(" ")})`;
  if (completion.kind === "files") return "_files";
  return completion.kind === "folders" ? "_directories" : " ";
}

function operandSpecs(usage: Usage<OptionSpecs>): string[] {
  if (usage.wrapsCommand) return ["(-)1:command:_command_names -e", "*::argument:_normal"];
  return [
    ...((usage.commands ?? []).length > 0 ? [`1:command:${functionName(usage)}-commands`] : []),
    ...(usage.takesPaths ? ["*:path:_files"] : []),
  ];
}
