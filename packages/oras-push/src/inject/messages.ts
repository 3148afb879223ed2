import { OPERATOR_PREFIX, OWN_PREFIX } from "./annotations.ts";

/**
 * The refusals and warnings that injection prints. A refusal says why the pod is refused, and what to change. A text in
 * braces, such as `{name}`, is replaced by a value. The admission policies contain the same sentences.
 */
export const MESSAGES = {
  unknown: "the annotation {name} does not exist: correct its name, or remove it",
  unquoted: "the value of the annotation {name} must be a text: write it in quotes",
  invalid: 'the annotation {name} must be {words}, not "{value}"',
  exclusive: "the annotations {first} and {second} cannot be used together: remove one of them",
  noRegistry: `the registry is missing: write ${OPERATOR_PREFIX}oras-cache: NAME or ${OPERATOR_PREFIX}registry: HOST`,
  noPushTo: `the output has no destination: write ${OPERATOR_PREFIX}output-uri: REPOSITORY:TAG or ${OWN_PREFIX}push-to: REGISTRY/REPOSITORY:TAG`,
  noOutput: `nothing is saved for the destination: write ${OPERATOR_PREFIX}output-path: PATH or ${OWN_PREFIX}output: PATH`,
  nothing: `the annotations name neither an input nor an output: write ${OPERATOR_PREFIX}output-uri and ${OPERATOR_PREFIX}output-path, or remove the annotations`,
  severalContainers: `the pod has several containers: write ${OPERATOR_PREFIX}container: NAME`,
  restarts:
    "the pod's restartPolicy is Always, so its command never ends: write restartPolicy: Never or restartPolicy: OnFailure",
  takenContainer: "the pod already has a container named {name}, perhaps from the ORAS Operator: rename or remove it",
  takenVolume: "the pod already has a volume named {name}: rename the volume",
  takenPath: "the container {container} already mounts a volume at {path}: mount the volume at another path",
  condition: `${OWN_PREFIX}only-if names the variable {variable}, which the container {container} does not set: add the variable to its env`,
  noCommand:
    "the container {container} has no command: write its command, because the entrypoint of its image is unknown",
  worker:
    "the pod has no container named {container}, so it gets no sidecar and its output is not saved; correct the annotation container if the pod is not a worker",
  ignored: "the annotation {name} has no effect: the image contains the tools, and the pod downloads no script",
  controller: "a {kind} restarts its pods forever, so its command never ends: use a Job, a CronJob or a JobSet",
} as const;

/** The name of a sentence of {@link MESSAGES}. */
export type MessageName = keyof typeof MESSAGES;

/** Refusals and warnings of the webhook begin with this text, so that the user knows which software sent them. */
export const MESSAGE_PREFIX = "oras-pod-tools: ";

/** Returns a sentence with its values. */
export function messageText(name: MessageName, values: Readonly<Record<string, string>> = {}): string {
  return MESSAGES[name].replace(/\{(\w+)\}/g, (_, key: string) => values[key] ?? "");
}
