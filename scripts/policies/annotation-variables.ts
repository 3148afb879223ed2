/**
 * The policies read the annotations through these variables. The rules are the same as in
 * `inject/annotation-values.ts`.
 */
import {
  ANNOTATIONS,
  type Annotation,
  EXCLUSIVE,
  NONE,
  NUMBERED_INPUT,
  OPERATOR_PREFIX,
  OWN_PREFIX,
  type PodPart,
  SWITCH_OPTIONS,
  type Tool,
} from "oras-push/inject/annotations";
import { FILE_SOURCES, LAUNCHER } from "oras-push/inject/parts";
import { VALUE_TYPES, valueType } from "oras-push/inject/value-types";
import { concatenation, list, listIf, message, text, texts } from "./cel.ts";
import type { Variable } from "./variable.ts";

/** Whether a name has one of the two prefixes of our annotations. `name` is an expression. */
export function isOurs(name: string): string {
  return `(${name}.startsWith(${text(OPERATOR_PREFIX)}) || ${name}.startsWith(${text(OWN_PREFIX)}))`;
}

/**
 * The value of an annotation, or the empty text if the pod does not set the annotation. An annotation of the ORAS
 * Operator with the value `NA` counts as not set.
 */
export function givenValue(name: string): string {
  return `variables.given[?${text(name)}].orValue("")`;
}

/** The non-empty lines of a text. `value` is an expression. */
const LINES = (value: string) => `${value}.split("\\n").filter(line, line != "")`;

/**
 * Variables that contain our annotations and the settings in these annotations. A policy must define the variable
 * `annotations`, with all annotations of the pod, before these variables.
 */
export const ANNOTATION_VARIABLES: readonly Variable[] = [
  {
    name: "given",
    expression: `variables.annotations.transformMap(name, value,
  ${isOurs("name")} && !(name.startsWith(${text(OPERATOR_PREFIX)}) && value == ${text(NONE)}),
  string(value))`,
  },
  {
    name: "rank",
    expression: `{\n${ANNOTATIONS.map(({ name }, index) => `  ${text(name)}: ${index}`).join(",\n")}\n}`,
  },
  // One row for each known annotation that the pod sets, in the order of `ANNOTATIONS`. A loop over all rows of
  // `ANNOTATIONS` would take too long.
  {
    name: "table",
    expression: `variables.given.map(name, name in variables.rank, variables.rank[name]).sort()
  .map(index, ${list(ANNOTATIONS.map(row))}[index])`,
  },
  {
    name: "numbered",
    expression: `variables.given.map(name, name.matches(${text(NUMBERED_INPUT)}), int(name.split("_")[1])).sort()
  .map(number, ${text(`${OPERATOR_PREFIX}input-uri_`)} + string(number))`,
  },
  { name: "cache", expression: part("cache") },
  { name: "named", expression: part("container") },
  {
    name: "host",
    expression: `${part("registry")} != "" ? ${part("registry")}
  : variables.cache == "" ? "" : variables.cache + "-0." + variables.cache + ".$(POD_NAMESPACE).svc.cluster.local:5000"`,
  },
  { name: "relativeInputs", expression: `${givenNames(relative("inputs"))} + variables.numbered` },
  {
    name: "inputs",
    expression: `variables.relativeInputs.map(name, variables.host + "/" + variables.given[name])
+ ${givenNames(absolute("inputs"))}.map(name, ${LINES("variables.given[name]")}).flatten()`,
  },
  { name: "relativeOutput", expression: givenNames(relative("pushTo")) },
  {
    name: "pushTo",
    expression: `(variables.relativeOutput.map(name, variables.host + "/" + variables.given[name])
+ ${givenNames(absolute("pushTo"))}.map(name, variables.given[name]))`,
  },
  { name: "saves", expression: saves() },
  { name: "launcherWords", expression: launcherWords() },
  { name: "sidecarCommand", expression: sidecarCommand() },
];

/** The list of the messages about invalid annotations of a pod. If the list is not empty, the pod is refused. */
export function annotationProblems(): string {
  return concatenation([unknownProblems(), valueProblems(), exclusiveProblems(), transferProblems()]);
}

function unknownProblems(): string {
  const condition = `${isOurs("name")} && !(name in variables.rank) && !name.matches(${text(NUMBERED_INPUT)})`;
  return `variables.annotations.map(name, ${condition}, string(name)).sort()
  .map(name, ${message("unknown", { name: "name" })})`;
}

/** An empty value is invalid for every type. A list can contain empty lines, but must contain at least one item. */
function valueProblems(): string {
  const rows = `(variables.table + variables.numbered.map(name, ${texts(["pullUri", "one", "", "", ""]).replace("[", "[name, ")}))`;
  const value = "variables.given[row[0]]";
  const words = Object.entries(VALUE_TYPES).map(([name, type]) => `${text(name)}: ${text(type.words)}`);
  return `${rows}.filter(row, ${value}.replace("\\n", "") == ""
    || (row[2] == "list" ? ${value}.split("\\n") : [${value}]).exists(item, item != "" && !(${isValid("row[1]", "item")})))
  .map(row, ${message("invalid", {
    name: "row[0]",
    words: `{${words.join(", ")}}[row[1]]`,
    value: `${value}.replace("\\n", " ")`,
  })})`;
}

/**
 * Whether a value matches the pattern of its type. Each pattern is a literal, because the API server compiles a literal
 * only once. The API server would compile a pattern from a table for each pod. To find the pattern, the API server
 * compares `type` with one name after another. Most pods use the first annotations of `ANNOTATIONS`, so the types of
 * these annotations come first.
 */
function isValid(type: string, value: string): string {
  const types = [...new Set(ANNOTATIONS.map((annotation) => annotation.type))];
  const patterns = [...new Set(types.map((name) => VALUE_TYPES[name].pattern))];
  const choices = patterns.map((pattern) => {
    const names = types.filter((name) => VALUE_TYPES[name].pattern === pattern);
    return `${names.map((name) => `${type} == ${text(name)}`).join(" || ")} ? ${value}.matches(${text(pattern)})`;
  });
  return `${choices.join("\n    : ")}\n    : false`;
}

function exclusiveProblems(): string {
  return `variables.table.filter(row, row[5] in variables.given)
  .map(row, ${message("exclusive", { first: "row[0]", second: "row[5]" })})`;
}

function transferProblems(): string {
  const hasRelative = "variables.relativeInputs.size() + variables.relativeOutput.size() > 0";
  const pushes = "variables.pushTo.size() > 0";
  return concatenation([
    listIf(`variables.host == "" && ${hasRelative}`, `[${message("noRegistry")}]`),
    listIf(`variables.saves && !(${pushes})`, `[${message("noPushTo")}]`),
    listIf(`!variables.saves && ${pushes}`, `[${message("noOutput")}]`),
    listIf(`variables.inputs.size() == 0 && !(${pushes})`, `[${message("nothing")}]`),
  ]);
}

/** Whether the launcher saves something: an output path, or the command's stdout and stderr. */
function saves(): string {
  const paths = optionRows("launcher", "output").map(({ name }) => name);
  const logs = optionRows("launcher", "logs").map(({ name }) => `${givenValue(name)} == "true"`);
  return [`${texts(paths)}.exists(name, name in variables.given)`, ...logs].join(" || ");
}

/**
 * A row of the variable `table` describes an annotation: its name, type, form, option of the launcher, option of the
 * sidecar, and the name of an annotation that cannot be used together with it.
 */
function row(annotation: Annotation): string {
  const { name, type, sets } = annotation;
  const option = (tool: Tool) => (typeof sets !== "string" && sets.tools.includes(tool) ? sets.option : "");
  const isFlag = type === "flag" && !(typeof sets !== "string" && SWITCH_OPTIONS.has(sets.option));
  const form = isFlag ? "flag" : valueType(type).list ? "list" : "one";
  const [, excluded] = EXCLUSIVE.find(([first]) => first === annotation) ?? [];
  return texts([name, type, form, option("launcher"), option("sidecar"), excluded?.name ?? ""]);
}

/** Returns the CEL expression for the options of a tool's command line, in the order of `variables.table`. */
function options(tool: Tool): string {
  const option = `row[${tool === "launcher" ? 3 : 4}]`;
  return `variables.table.map(row, ${option} != "",
  row[2] == "flag" ? (variables.given[row[0]] == "true" ? ["--" + ${option}] : [])
  : row[2] == "list" ? ${LINES("variables.given[row[0]]")}.map(line, "--" + ${option} + "=" + line)
  : ["--" + ${option} + "=" + variables.given[row[0]]]).flatten()`;
}

function launcherWords(): string {
  const folders = optionRows("launcher", "input").map(({ name }) => name);
  const noFolder = `!${texts(folders)}.exists(name, name in variables.given)`;
  return concatenation([
    texts([LAUNCHER["image-volume"], "--wait-push"]),
    listIf(`variables.inputs.size() > 0 && ${noFolder}`, texts(["--input=."])),
    options("launcher"),
    texts(["--"]),
  ]);
}

function sidecarCommand(): string {
  return concatenation([
    texts(["oras-push", "sidecar", "--native"]),
    ...FILE_SOURCES.map(({ part: name, words }) => listIf(`${part(name)} != ""`, texts(words))),
    options("sidecar"),
    'variables.inputs.map(input, "--pull-from=" + input)',
    texts(["NA"]),
    '(variables.pushTo.size() > 0 ? variables.pushTo : ["NA"])',
  ]);
}

/**
 * The value of the annotation that sets the part `name`, or the empty text if the pod sets no such annotation. A valid
 * pod sets at most one such annotation.
 */
export function part(name: PodPart): string {
  const names = ANNOTATIONS.filter(({ sets }) => sets === name).map(({ name }) => name);
  return names.reduceRight((rest, key) => `variables.given[?${text(key)}].orValue(${rest})`, '""');
}

function relative(name: PodPart): readonly Annotation[] {
  return ANNOTATIONS.filter(({ name: key, sets }) => sets === name && key.startsWith(OPERATOR_PREFIX));
}

function absolute(name: PodPart): readonly Annotation[] {
  return ANNOTATIONS.filter(({ name: key, sets }) => sets === name && key.startsWith(OWN_PREFIX));
}

/** The names of those annotations in `rows` that the pod sets. */
function givenNames(rows: readonly Annotation[]): string {
  return `${texts(rows.map(({ name }) => name))}.filter(name, name in variables.given)`;
}

function optionRows(tool: Tool, option: string): readonly Annotation[] {
  return ANNOTATIONS.filter(
    ({ sets }) => typeof sets !== "string" && sets.option === option && sets.tools.includes(tool),
  );
}
