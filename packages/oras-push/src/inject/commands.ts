import { type GivenAnnotations, isSet, linesOf, numberedInputs, partValues } from "./annotation-values.ts";
import {
  ANNOTATIONS,
  OPERATOR_PREFIX,
  type OptionTarget,
  OWN_PREFIX,
  SWITCH_OPTIONS,
  type Tool,
} from "./annotations.ts";
import { FILE_SOURCES, LAUNCHER } from "./parts.ts";
import type { Delivery } from "./settings.ts";
import { valueType } from "./value-types.ts";

/** The inputs and outputs that the annotations describe. */
export interface Transfers {
  /** The references to pull, in order. The kubelet replaces `$(POD_NAMESPACE)`. */
  readonly inputs: readonly string[];
  /** The sidecar pushes the output to this reference. The value is undefined if no annotation names a reference. */
  readonly pushTo: string | undefined;
  /** True if an input or an output needs the registry's host, but no annotation names the registry. */
  readonly registryMissing: boolean;
  /** Whether the launcher saves any output: paths, or the command's stdout and stderr. */
  readonly saves: boolean;
}

/**
 * Reads the inputs and the output from valid annotations. Adds the registry's host to the values of the operator's
 * annotations.
 */
export function transfersOf(given: GivenAnnotations): Transfers {
  const host = registryHost(given);
  const withHost = (uri: string) => `${host}/${uri}`;
  const inputs = [
    ...partValues(given, "inputs", OPERATOR_PREFIX),
    ...numberedInputs(given).map((name) => given[name] ?? ""),
  ];
  const outputs = partValues(given, "pushTo", OPERATOR_PREFIX);
  const isTrue = (value: string) => value === "true";
  return {
    inputs: [...inputs.map(withHost), ...partValues(given, "inputs", OWN_PREFIX).flatMap(linesOf)],
    pushTo: [...outputs.map(withHost), ...partValues(given, "pushTo", OWN_PREFIX)][0],
    registryMissing: host === undefined && inputs.length + outputs.length > 0,
    saves: optionValues(given, "launcher", "output").length > 0 || optionValues(given, "launcher", "logs").some(isTrue),
  };
}

/**
 * Returns the host of the registry that the operator's annotations name. Returns undefined if they name no registry.
 */
function registryHost(given: GivenAnnotations): string | undefined {
  const [cache] = partValues(given, "cache");
  const [registry] = partValues(given, "registry");
  return registry ?? (cache && `${cache}-0.${cache}.$(POD_NAMESPACE).svc.cluster.local:5000`);
}

/** Returns the words that injection puts in front of the application's command. The last word is `--`. */
export function launcherWords(given: GivenAnnotations, delivery: Delivery): string[] {
  const hasFolder = optionValues(given, "launcher", "input").length > 0;
  const folder = transfersOf(given).inputs.length > 0 && !hasFolder ? ["--input=."] : [];
  return [LAUNCHER[delivery], "--wait-push", ...folder, ...optionsOf(given, "launcher"), "--"];
}

/** Returns the command of the sidecar. */
export function sidecarCommand(given: GivenAnnotations): string[] {
  const { inputs, pushTo } = transfersOf(given);
  const files = FILE_SOURCES.filter(({ part }) => partValues(given, part).length > 0).flatMap(({ words }) => words);
  const pulls = inputs.map((input) => `--pull-from=${input}`);
  return ["oras-push", "sidecar", "--native", ...files, ...optionsOf(given, "sidecar"), ...pulls, "NA", pushTo ?? "NA"];
}

/**
 * Returns the values that annotations give to an option of a tool. If an annotation is a list, each line is a value.
 */
function optionValues(given: GivenAnnotations, tool: Tool, option: string): string[] {
  return ANNOTATIONS.flatMap(({ name, type, sets }) => {
    if (typeof sets === "string" || sets.option !== option || !sets.tools.includes(tool) || !isSet(given, name))
      return [];
    return valueType(type).list ? linesOf(given[name] ?? "") : [given[name] ?? ""];
  });
}

function optionsOf(given: GivenAnnotations, tool: Tool): string[] {
  return ANNOTATIONS.flatMap(({ name, type, sets }) => {
    if (typeof sets === "string" || !sets.tools.includes(tool) || !isSet(given, name)) return [];
    const value = given[name] ?? "";
    return type === "flag" ? flag(sets, value) : words(sets, valueType(type).list ? linesOf(value) : [value]);
  });
}

function flag({ option }: OptionTarget, value: string): string[] {
  if (SWITCH_OPTIONS.has(option)) return [`--${option}=${value}`];
  return value === "true" ? [`--${option}`] : [];
}

function words({ option }: OptionTarget, values: readonly string[]): string[] {
  return values.map((value) => `--${option}=${value}`);
}
