import { basename } from "node:path";
import { installPlan, USAGE as LAUNCHER_USAGE, type LaunchPlan, launchPlan } from "launcher/options";
import { SIDECAR_USAGE, type SidecarPlan, sidecarPlan } from "oras-push/options/sidecar";
import { COMMON_OPTIONS, type OptionSpecs, parseCommandLine, type Usage } from "shared/cli/command-line";
import { USAGE as WAIT_FS_USAGE, waitFsOptions } from "wait-fs/options";
import { type Container, mountOf, type Pod } from "./pod-spec.ts";

/** What a container asks of our tools, as their own parsers understand it; nothing for one that does not call them. */
export interface ToolUse {
  readonly launch?: LaunchPlan;
  readonly sidecar?: SidecarPlan;
  /** The folder that the tools are installed into. */
  readonly install?: string;
}

/** What a container asks of our tools. Throws what they would say of an option that they do not know. */
export async function toolUse(container: Container, pod: Pod): Promise<ToolUse> {
  const env = environmentOf(container, pod);
  const [program = "", ...args] = (container.command ?? []).map((word) => expanded(word, env));
  const [probe, ...probeArgs] = container.startupProbe?.exec?.command ?? [];
  if (probe === "wait-fs") waitFsOptions(await parsed(WAIT_FS_USAGE, probeArgs, env));
  if (basename(program) === "launcher") {
    const line = await parsed(LAUNCHER_USAGE, args, env);
    const installation = installPlan(line);
    return installation === undefined ? { launch: launchPlan(line) } : { install: installation.mountedAt };
  }
  if (basename(program) !== "oras-push" || args[0] !== "sidecar") return {};
  // A file that a Secret or a ConfigMap brings is read at once: here any file will do.
  const isMounted = (word: string) => mountOf(word, container)?.readOnly === true && basename(word).includes(".");
  const words = args.slice(1).map((word) => (isMounted(word) ? "/dev/null" : word));
  return { sidecar: sidecarPlan(await parsed(SIDECAR_USAGE, words, env), env) };
}

function parsed<const S extends OptionSpecs>(usage: Usage<S>, argv: readonly string[], env: NodeJS.ProcessEnv) {
  return parseCommandLine({ ...usage, options: { ...usage.options, ...COMMON_OPTIONS } }, argv, env);
}

/** A container's environment: what the downward API gives is the variable's own name, as in `pod-namespace`. */
function environmentOf({ env = [] }: Container, pod: Pod): NodeJS.ProcessEnv {
  const given = env.map(({ name, value }) => [name, value ?? name.toLowerCase().replaceAll("_", "-")]);
  return { ...pod.variables, ...Object.fromEntries(given) };
}

/** A word of a command as the kubelet makes it: $(NAME) is a variable's value, and stays where there is none. */
function expanded(word: string, env: NodeJS.ProcessEnv): string {
  return word.replace(/\$\(([A-Za-z_]\w*)\)/g, (text, name: string) => env[name] ?? text);
}
