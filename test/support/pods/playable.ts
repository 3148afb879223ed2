import type { Container, Pod, Volume } from "../pod-spec.ts";

/** What a cluster knows and a manifest does not say. */
export interface Surroundings {
  readonly namespace: string;
  readonly node: string;
  /** Addresses by name, for names that a cluster's name server would know. */
  readonly hosts: Readonly<Record<string, string>>;
  /** The images that stand for those that the manifests name. */
  readonly images: Readonly<Record<string, string>>;
}

/** A pod for `podman kube play`. */
export interface PlayablePod {
  readonly apiVersion: "v1";
  readonly kind: "Pod";
  readonly metadata: { readonly name: string };
  readonly spec: { readonly containers: readonly Container[] };
}

type Fields = Readonly<Record<string, unknown>>;

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

/**
 * Makes of a pod of a Kubernetes manifest one that podman 4.3 plays in the same way. Pure. What differs:
 *
 * | Kubernetes | podman | so |
 * |---|---|---|
 * | Jobs and StatefulSets make pods | plays pods | the pod is taken out and named |
 * | a native sidecar runs beside the containers | an init container is run to its end | it is a container |
 * | volumes belong to the pod | their names are global | they are named after the pod |
 * | a claim is filled by the cluster | a claim is a volume | an emptyDir |
 * | fields of the pod in variables, `$(NAME)` in commands | knows few fields, and no such names | the values are put in |
 * | a name server knows the services | one knows the pods of the network | the names are hostAliases |
 * | images come from registries | those of the store, if not told to pull | imagePullPolicy: Never |
 *
 * Nothing is done about what podman leaves out: seccomp profiles by name, probes, requests, `sizeLimit`, `fsGroup`. It
 * gives an emptyDir the mode that the folder has in the image that mounts it first, where the kubelet gives 0777: the
 * images have these folders, for everyone.
 */
export function playable(pod: Pod, name: string, surroundings: Surroundings): PlayablePod {
  const native = (container: Container) => container.restartPolicy === "Always";
  const { initContainers = [], containers, volumes = [], ...spec } = pod.spec;
  const fields = {
    "metadata.name": name,
    "metadata.namespace": surroundings.namespace,
    "spec.nodeName": surroundings.node,
  };
  const make = (container: Container) => playableContainer(container, name, { ...surroundings, fields, pod });
  const claims = pod.claims.map((claim) => ({ name: claim, emptyDir: {} }));
  const made = {
    ...spec,
    hostAliases: Object.entries(surroundings.hosts).map(([host, ip]) => ({ ip, hostnames: [host] })),
    volumes: [...volumes, ...claims].map((volume: Volume) => ({ ...volume, name: volumeName(name, volume.name) })),
    initContainers: initContainers.filter((container) => !native(container)).map(make),
    containers: [...initContainers.filter(native), ...containers].map(make),
  };
  return { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: made };
}

/** The containers of a pod that the kubelet ends when all others have ended. */
export function nativeSidecars({ spec }: Pod): string[] {
  return (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always").map(({ name }) => name);
}

/** What a pod's volume is called. */
export function volumeName(pod: string, volume: string): string {
  return `${pod}-${volume}`;
}

function playableContainer(
  { restartPolicy: _, startupProbe: __, ...container }: Container,
  name: string,
  given: Surroundings & { readonly fields: Fields; readonly pod: Pod },
): Container {
  const known: Record<string, string> = { ...(given.pod.variables as Record<string, string>) };
  for (const { name: variable, value, valueFrom } of (container.env ?? []) as readonly Variable[]) {
    const field = valueFrom === undefined ? value : given.fields[valueFrom.fieldRef.fieldPath];
    if (typeof field !== "string") throw new Error(`nothing is known of ${variable} in ${name}`);
    known[variable] = expand(field, known);
  }
  const image = given.images[container.image] ?? container.image;
  const rest = {
    ...(container.command === undefined ? {} : { command: container.command.map((text) => expand(text, known)) }),
    volumeMounts: (container.volumeMounts ?? []).map((mount) => ({ ...mount, name: volumeName(name, mount.name) })),
    env: Object.entries(known).map(([variable, value]) => ({ name: variable, value })),
    imagePullPolicy: "Never",
  };
  return { ...container, ...rest, image };
}

/** Puts in values for `$(NAME)`, as the kubelet does; a name that is not known stays (Kubernetes, "Dependent Variables"). */
function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (whole, name: string) => values[name] ?? whole);
}
