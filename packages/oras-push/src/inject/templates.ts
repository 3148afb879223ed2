import { asksForInjection, isOurs } from "./annotation-values.ts";
import { add, type JsonPatch, type Path } from "./json-patch.ts";
import { annotationsOf, type PodTemplate } from "./pod.ts";

/** A pod, or the template of a pod, in a larger object. */
export interface FoundTemplate {
  /** The object that contains the pod, such as `Job lammps-0`. */
  readonly object: string;
  /** The kind of this object. */
  readonly kind: string;
  /** The path from the root to the pod. */
  readonly path: Path;
  /** The pod with the annotations of its Job. */
  readonly pod: PodTemplate;
  /** The patch that copies the annotations of the Job to the pod. The paths in this patch are relative to the pod. */
  readonly inherited: JsonPatch;
}

/** The kinds of objects whose pods run forever. In these pods, only `restartPolicy: Always` is allowed. */
const FOREVER: ReadonlySet<string> = new Set([
  "Deployment",
  "ReplicaSet",
  "StatefulSet",
  "DaemonSet",
  "ReplicationController",
]);

/** Whether the pods of a kind run forever. */
export function runsForever(kind: string): boolean {
  return FOREVER.has(kind);
}

/**
 * Finds all pods and pod templates whose annotations ask for injection. `root` can be a Pod, a Job, a CronJob, a
 * JobSet, a List, or any other object. The annotations of a Job also apply to the pods of the Job, as in the ORAS
 * Operator.
 */
export function findTemplates(root: unknown): FoundTemplate[] {
  return [...visit(root, { object: "object", kind: "", path: [], owner: undefined })];
}

type Fields = Readonly<Record<string, unknown>>;

interface Position {
  readonly object: string;
  readonly kind: string;
  readonly path: Path;
  /** The object that contains the visited `spec.template`, such as a Job. */
  readonly owner: Fields | undefined;
}

function* visit(value: unknown, position: Position): Generator<FoundTemplate> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* visit(item, inside(position, index));
    return;
  }
  if (!isFields(value)) return;
  const here = named(value, position);
  if (isTemplate(value)) yield* foundTemplate(value, here);
  else
    for (const [name, field] of Object.entries(value))
      if (name !== "status") yield* visit(field, child(value, name, here));
}

function* foundTemplate(pod: PodTemplate, { object, kind, path, owner }: Position): Generator<FoundTemplate> {
  const own = annotationsOf(pod);
  const ownerAnnotations = owner === undefined ? {} : annotationsOf(owner as unknown as PodTemplate);
  const missing = Object.entries(ownerAnnotations).filter(([name]) => isOurs(name) && !Object.hasOwn(own, name));
  const annotations = { ...own, ...Object.fromEntries(missing) };
  if (!asksForInjection(annotations)) return;
  const inherited = missing.length === 0 ? [] : inheritedPatch(pod, missing);
  const { metadata, spec } = withoutNulls(pod);
  yield { object, kind, path, inherited, pod: { metadata: { ...metadata, annotations }, spec } };
}

function inheritedPatch({ metadata }: PodTemplate, missing: readonly (readonly [string, string])[]): JsonPatch {
  return [
    ...(metadata ? [] : [add(["metadata"], {})]),
    ...(metadata?.annotations ? [] : [add(["metadata", "annotations"], {})]),
    ...missing.map(([name, value]) => add(["metadata", "annotations", name], value)),
  ];
}

/** Returns the position of a field. The position of `spec.template` has an `owner`: the object that contains `spec`. */
function child(parent: Fields, name: string, position: Position): Position {
  const below = inside(position, name);
  if (name === "spec") return { ...below, owner: parent };
  return name === "template" && position.path.at(-1) === "spec"
    ? { ...below, owner: position.owner }
    : { ...below, owner: undefined };
}

function inside(position: Position, part: string | number): Position {
  return { ...position, path: [...position.path, part] };
}

function named(value: Fields, position: Position): Position {
  const { kind, metadata } = value;
  if (typeof kind !== "string" || value.apiVersion === undefined) return position;
  const { name, generateName } = (isFields(metadata) ? metadata : {}) as { name?: string; generateName?: string };
  return { ...position, kind, object: [kind, name ?? generateName].filter(Boolean).join(" ") };
}

/** Removes the fields whose value is null, because Kubernetes treats such fields like missing fields. */
function withoutNulls<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutNulls) as T;
  if (!isFields(value)) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutNulls(field)])) as T;
}

function isTemplate(value: Fields): value is Fields & PodTemplate {
  return isFields(value.spec) && Array.isArray(value.spec.containers);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
