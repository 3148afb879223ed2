import { type GivenAnnotations, isSet, linesOf, numberedInputs, partValues } from "./annotation-values.ts";
import { ANNOTATIONS, type OptionTarget, SWITCH_OPTIONS, type Tool } from "./annotations.ts";
import { LAUNCHER, PATHS } from "./parts.ts";
import type { Delivery } from "./settings.ts";
import { valueType } from "./value-types.ts";

/** What the annotations say about inputs and outputs. */
export interface Transfers {
  /** The references to pull, in order. The kubelet replaces `$(POD_NAMESPACE)`. */
  readonly inputs: readonly string[];
  /** The reference to push; undefined if there is none. */
  readonly pushTo: string | undefined;
  /** Whether an input or an output needs the registry's host, but no annotation names the registry. */
  readonly registryMissing: boolean;
  /** Whether the launcher saves a path, stdout or stderr. */
  readonly saves: boolean;
}

/** The name of the operator's annotations whose values need the registry's host. */
const OWN_REFERENCES: ReadonlySet<string> = new Set(["pushReference", "pullReferences"]);

/** Reads the inputs and the output from valid annotations. */
export function transfersOf(given: GivenAnnotations): Transfers {
  const [cache] = partValues(given, "cache");
  const [registry] = partValues(given, "registry");
  const cacheHost = cache && `${cache}-0.${cache}.$(POD_NAMESPACE).svc.cluster.local:5000`;
  const host = registry ?? cacheHost;
  const relative = [...referencesOf(given, "inputs", false), ...numberedInputs(given).map((name) => given[name] ?? "")];
  const [relativePush] = referencesOf(given, "pushTo", false);
  const [absolutePush] = referencesOf(given, "pushTo", true);
  const withHost = (uri: string) => `${host}/${uri}`;
  return {
    inputs: [...relative.map(withHost), ...referencesOf(given, "inputs", true).flatMap(linesOf)],
    pushTo: relativePush === undefined ? absolutePush : withHost(relativePush),
    registryMissing: host === undefined && (relative.length > 0 || relativePush !== undefined),
    saves:
      optionValues(given, "launcher", "output").length > 0 || optionValues(given, "launcher", "logs")[0] === "true",
  };
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
  const files = [
    ...(partValues(given, "registrySecret").length > 0 ? [`--registry-config=${PATHS.registrySecret}`] : []),
    ...(partValues(given, "authority").length > 0 ? [`--ca-file=${PATHS.authority}/ca.crt`] : []),
  ];
  const pulls = inputs.map((input) => `--pull-from=${input}`);
  return ["oras-push", "sidecar", "--native", ...files, ...optionsOf(given, "sidecar"), ...pulls, "NA", pushTo ?? "NA"];
}

/** Returns the values that annotations give to an option of a tool. A list has one value per line. */
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

function referencesOf(given: GivenAnnotations, part: "inputs" | "pushTo", withRegistry: boolean): string[] {
  const rows = ANNOTATIONS.filter(({ name, sets }) => sets === part && isSet(given, name));
  return rows.filter(({ type }) => OWN_REFERENCES.has(type) === withRegistry).map(({ name }) => given[name] ?? "");
}
