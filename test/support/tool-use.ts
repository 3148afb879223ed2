import { basename, join } from "node:path";
import type { LaunchPlan } from "launcher/launch-plan";
import { installPlan, launchPlan } from "launcher/options";
import { USAGE as LAUNCHER_USAGE } from "launcher/usage";
import { injectPlan } from "oras-push/options/inject";
import { INJECT_USAGE } from "oras-push/options/inject-usage";
import { type SidecarCommandPlan, sidecarPlan } from "oras-push/options/sidecar";
import { SIDECAR_USAGE } from "oras-push/options/sidecar-usage";
import { parseCommandLine } from "shared/cli/command-line";
import { USAGE as WAIT_FS_USAGE, waitFsOptions } from "wait-fs/options";
import { annotationAt, type Container, mountOf, type Pod, type Variable } from "./pod-spec.ts";

/**
 * The tool calls in a container's command, as the parsers of the tools read them. Empty if the command starts neither
 * the launcher nor the sidecar.
 */
export interface ToolUse {
  readonly launch?: LaunchPlan;
  readonly sidecar?: SidecarCommandPlan;
  /** The final path of the folder into which the launcher installs the tools. */
  readonly install?: string;
}

/** Parses the tool calls in a container's command and in its startup probe. Throws if a tool would reject an option. */
export async function parseToolUse(container: Container, pod: Pod): Promise<ToolUse> {
  const env = environmentOf(container, pod);
  const [probe, ...probeArgs] = container.startupProbe?.exec?.command ?? [];
  if (probe === "wait-fs") waitFsOptions(await parseCommandLine(WAIT_FS_USAGE, probeArgs, env));
  const [program = "", ...args] = (container.command ?? []).map((word) => expand(word, env));
  if (basename(program) === "launcher") return launcherUse(args, env);
  if (basename(program) === "oras-push" && args[0] === "inject")
    injectPlan(await parseCommandLine(INJECT_USAGE, args.slice(1), env));
  if (basename(program) === "oras-push" && args[0] === "sidecar") return sidecarUse(args.slice(1), container, env);
  return {};
}

async function launcherUse(args: readonly string[], env: NodeJS.ProcessEnv): Promise<ToolUse> {
  const line = await parseCommandLine(LAUNCHER_USAGE, args, env);
  const installation = installPlan(line);
  return installation === undefined ? { launch: launchPlan(line) } : { install: installation.mountedAt };
}

async function sidecarUse(args: readonly string[], container: Container, env: NodeJS.ProcessEnv): Promise<ToolUse> {
  // The sidecar's parser reads the files of a Secret or a ConfigMap. These files do not exist here, so empty files
  // replace them.
  const isMounted = (path: string) => mountOf(path, container)?.readOnly === true && basename(path).includes(".");
  const empty = (path: string) => (path.endsWith(".json") ? join(import.meta.dirname, "empty.json") : "/dev/null");
  const words = args.map((word) =>
    word.replace(/^(--[\w-]+=)?(\/.*)$/, (_, option = "", path) => `${option}${isMounted(path) ? empty(path) : path}`),
  );
  return { sidecar: sidecarPlan(await parseCommandLine(SIDECAR_USAGE, words, env), env) };
}

/**
 * Returns the environment of a container. A variable that refers to an annotation gets the value of this annotation. A
 * variable that refers to another field of the pod gets an invented value. For example, the variable `POD_NAMESPACE`
 * gets the value `pod-namespace`.
 */
function environmentOf({ env = [] }: Container, pod: Pod): NodeJS.ProcessEnv {
  const textOf = ({ name, value, valueFrom }: Variable) =>
    value ?? annotationAt(valueFrom?.fieldRef.fieldPath ?? "", pod) ?? name.toLowerCase().replaceAll("_", "-");
  const entries = env.map((variable) => [variable.name, textOf(variable)]);
  return { ...pod.variables, ...Object.fromEntries(entries) };
}

/** Expands `$(NAME)` in a word of a command, as the kubelet does. Leaves `$(NAME)` unchanged if the name is unknown. */
function expand(word: string, env: NodeJS.ProcessEnv): string {
  return word.replace(/\$\(([A-Za-z_]\w*)\)/g, (text, name: string) => env[name] ?? text);
}
