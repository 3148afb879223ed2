import { injectPod } from "./inject-pod.ts";
import { add, below, type JsonPatch } from "./json-patch.ts";
import { messageText } from "./messages.ts";
import type { Container, PodTemplate } from "./pod.ts";
import type { InjectionSettings } from "./settings.ts";
import { type FoundTemplate, findTemplates, runsForever } from "./templates.ts";

/** The command of an image: its entrypoint and its default arguments. */
export interface ImageCommand {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
}

/** Reads the command of an image. Throws if the image cannot be read. */
export type ReadImageCommand = (image: string) => Promise<ImageCommand>;

/** What injection does with an object. */
export interface InjectedObject {
  readonly patch: JsonPatch;
  /** Each warning starts with the name of its object. */
  readonly warnings: readonly string[];
  /**
   * The reasons why pods cannot be injected. Each reason starts with the name of the object that contains the pod, such
   * as `Job lammps-0`.
   */
  readonly refusals: readonly string[];
}

/**
 * Injects all annotated pods and templates of an object, such as a Job or a List. For a container without a command,
 * `readCommand` reads the command of the image. Throws the errors of `readCommand`.
 */
export async function injectObject(
  root: unknown,
  settings: InjectionSettings,
  readCommand: ReadImageCommand,
): Promise<InjectedObject> {
  const results: InjectedObject[] = [];
  for (const template of findTemplates(root)) results.push(await injectTemplate(template, settings, readCommand));
  return {
    patch: results.flatMap(({ patch }) => patch),
    warnings: results.flatMap(({ warnings }) => warnings),
    refusals: results.flatMap(({ refusals }) => refusals),
  };
}

async function injectTemplate(
  { object, kind, path, pod, inherited }: FoundTemplate,
  settings: InjectionSettings,
  readCommand: ReadImageCommand,
): Promise<InjectedObject> {
  const result = runsForever(kind)
    ? ({ kind: "refused", why: messageText("controller", { kind }) } as const)
    : await withImageCommand(pod, settings, readCommand);
  if (result.kind === "unchanged") return { patch: [], warnings: [], refusals: [] };
  if (result.kind === "refused" || result.kind === "no-command")
    return { patch: [], warnings: [], refusals: [`${object}: ${result.why}`] };
  return {
    patch: below(path, [...inherited, ...result.patch]),
    warnings: result.warnings.map((warning) => `${object}: ${warning}`),
    refusals: [],
  };
}

async function withImageCommand(pod: PodTemplate, settings: InjectionSettings, readCommand: ReadImageCommand) {
  const result = injectPod(pod, settings);
  if (result.kind !== "no-command") return result;
  const { image, args = [] } = pod.spec.containers[result.container] as Container;
  if (image === undefined) return result;
  const { entrypoint, cmd } = await readCommand(image);
  const command = [...entrypoint, ...(args.length > 0 ? [] : cmd)];
  const addCommand = add(["spec", "containers", result.container, "command"], command);
  const containers = pod.spec.containers.map((container, index) =>
    index === result.container ? { ...container, command } : container,
  );
  const injected = injectPod({ ...pod, spec: { ...pod.spec, containers } }, settings);
  return "patch" in injected ? { ...injected, patch: [addCommand, ...injected.patch] } : injected;
}
