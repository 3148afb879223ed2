import { annotationProblem, asksForInjection, type GivenAnnotations, isSet, partValues } from "./annotation-values.ts";
import { ANNOTATIONS } from "./annotations.ts";
import { transfersOf } from "./commands.ts";
import type { JsonPatch } from "./json-patch.ts";
import { type MessageName, messageText } from "./messages.ts";
import { networkPatch, stepPatch } from "./patch.ts";
import { annotationsOf, type Container, type PodTemplate } from "./pod.ts";
import type { InjectionSettings } from "./settings.ts";
import { isInjected, isWorker, namedContainer, podProblem, targetIndex } from "./target.ts";

/** What injection does with a pod. */
export type Injection =
  /** The pod does not ask for injection, or already has a sidecar. */
  | { readonly kind: "unchanged" }
  /** The pod cannot be injected. `why` contains the reason, and says what to change. */
  | { readonly kind: "refused"; readonly why: string }
  /** The pod cannot be injected, because its container has no command. `container` is the index of this container. */
  | { readonly kind: "no-command"; readonly why: string; readonly container: number }
  /** The patch changes the pod. A step gets a sidecar, but a worker does not. */
  | {
      readonly kind: "step" | "worker";
      readonly patch: JsonPatch;
      readonly warnings: readonly string[];
    };

/**
 * Decides how to change a pod so that its output is saved. For a step, the patch adds the shared volume and the
 * sidecar, and puts the launcher in front of the command. The decision depends on the annotations of the pod. The
 * function has no side effects. For a step that is already patched, returns `unchanged`. For a worker
 * ({@link isWorker}) that is already patched, returns a patch without effect.
 */
export function injectPod(pod: PodTemplate, settings: InjectionSettings): Injection {
  const given = annotationsOf(pod);
  if (!asksForInjection(given) || isInjected(pod)) return { kind: "unchanged" };
  const wrong = annotationProblem(given) ?? transferProblem(given);
  if (wrong !== undefined) return { kind: "refused", why: wrong };
  const network = networkPatch(pod, given);
  if (isWorker(pod, given)) {
    const container = namedContainer(given) ?? "";
    return { kind: "worker", patch: network, warnings: [messageText("worker", { container })] };
  }
  const why = podProblem(pod, given);
  if (why !== undefined) return { kind: "refused", why };
  const container = targetIndex(pod, given);
  const { name, command = [] } = pod.spec.containers[container] as Container;
  if (command.length === 0)
    return { kind: "no-command", why: messageText("noCommand", { container: name }), container };
  const image = partValues(given, "image")[0] ?? settings.image;
  const patch = [...network, ...stepPatch(pod, given, { ...settings, image })];
  return { kind: "step", patch, warnings: ignoredAnnotations(given) };
}

/**
 * Checks whether the annotations together describe what to pull or push. Each single annotation is already valid.
 * Returns the message for the first problem, or undefined if there is no problem.
 */
function transferProblem(given: GivenAnnotations): string | undefined {
  const { inputs, pushTo, registryMissing, saves } = transfersOf(given);
  const problems: Partial<Record<MessageName, boolean>> = {
    noRegistry: registryMissing,
    noPushTo: saves && pushTo === undefined,
    noOutput: !saves && pushTo !== undefined,
    nothing: inputs.length === 0 && pushTo === undefined,
  };
  const [found] = Object.entries(problems).filter(([, isProblem]) => isProblem);
  return found === undefined ? undefined : messageText(found[0] as MessageName);
}

function ignoredAnnotations(given: GivenAnnotations): string[] {
  const ignored = ANNOTATIONS.filter(
    ({ name, type, sets }) => sets === "nothing" && type === "url" && isSet(given, name),
  );
  return ignored.map(({ name }) => messageText("ignored", { name }));
}
