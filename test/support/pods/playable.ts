import { annotationAt, type Container, type Pod, type Volume } from "../pod-spec.ts";

/** The values that a pod gets from its cluster and not from its manifest. */
export interface ClusterContext {
  readonly namespace: string;
  readonly node: string;
  /** Maps host names to addresses. In a real cluster, DNS would resolve these names. */
  readonly hosts: Readonly<Record<string, string>>;
  /** Maps the images of the manifests to the local images that replace them. */
  readonly images: Readonly<Record<string, string>>;
}

/** A pod for `podman kube play`. */
export interface PlayablePod {
  readonly apiVersion: "v1";
  readonly kind: "Pod";
  readonly metadata: { readonly name: string };
  readonly spec: { readonly containers: readonly Container[] };
}

/** The values that replace variables in a pod. */
interface Values {
  /** Maps the paths of the pod's fields to the values that the cluster sets. */
  readonly fields: Readonly<Record<string, string>>;
  /** The pod, with its annotations and with the variables that its controller sets. */
  readonly pod: Pod;
}

/**
 * Converts a pod of a Kubernetes manifest to a pod that podman 4.3 runs in the same way. This function is pure. It
 * handles these differences between Kubernetes and podman:
 *
 * | Kubernetes | podman 4.3 | conversion |
 * |---|---|---|
 * | Jobs and StatefulSets create pods | runs only pods | the pod is extracted and gets a name |
 * | a native sidecar runs beside the containers | runs each init container to its end | it becomes a container |
 * | volumes belong to the pod | volume names are global | the pod's name becomes part of the volume's name |
 * | the cluster provides a volume for a claim | a claim is a volume | an emptyDir |
 * | pod fields in variables, `$(NAME)` in commands | supports few fields, and no `$(NAME)` | the values are inserted |
 * | DNS resolves the services | DNS resolves the pods of the network | hostAliases |
 * | images come from registries | pulls images by default | imagePullPolicy: Never |
 *
 * podman ignores seccomp profiles by name, probes, requests, `sizeLimit` and `fsGroup`. The conversion ignores them
 * too. The kubelet always gives an emptyDir the mode 0777. podman takes the mode from the image of the first container
 * that mounts the emptyDir: it is the mode of the folder at the mount point. For this reason, the test images give
 * every user write access to the folders at the mount points.
 */
export function toPlayablePod(pod: Pod, name: string, context: ClusterContext): PlayablePod {
  const { initContainers = [], containers, volumes = [], ...spec } = pod.spec;
  const fields = {
    "metadata.name": name,
    "metadata.namespace": context.namespace,
    "spec.nodeName": context.node,
  };
  const convert = (container: Container) => convertContainer(container, name, context.images, { fields, pod });
  const claims = pod.claims.map((claim) => ({ name: claim, emptyDir: {} }));
  const converted = {
    ...spec,
    hostAliases: Object.entries(context.hosts).map(([host, ip]) => ({ ip, hostnames: [host] })),
    volumes: [...volumes, ...claims].map((volume: Volume) => ({ ...volume, name: volumeName(name, volume.name) })),
    initContainers: initContainers.filter((container) => !isNativeSidecar(container)).map(convert),
    containers: [...initContainers.filter(isNativeSidecar), ...containers].map(convert),
  };
  return { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: converted };
}

/** Returns the names of a pod's native sidecars. The kubelet stops them when all other containers have ended. */
export function nativeSidecars({ spec }: Pod): string[] {
  return (spec.initContainers ?? []).filter(isNativeSidecar).map(({ name }) => name);
}

/** Returns the name that a pod's volume has in podman. */
export function volumeName(pod: string, volume: string): string {
  return `${pod}-${volume}`;
}

function isNativeSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === "Always";
}

function convertContainer(
  { restartPolicy: _, startupProbe: __, ...container }: Container,
  pod: string,
  images: ClusterContext["images"],
  values: Values,
): Container {
  const environment = environmentOf(container, pod, values);
  const { command } = container;
  const converted = {
    ...(command === undefined ? {} : { command: command.map((text) => expand(text, environment)) }),
    volumeMounts: (container.volumeMounts ?? []).map((mount) => ({ ...mount, name: volumeName(pod, mount.name) })),
    env: Object.entries(environment).map(([name, value]) => ({ name, value })),
    imagePullPolicy: "Never",
  };
  return { ...container, ...converted, image: images[container.image] ?? container.image };
}

/** Returns the values of a container's variables. Throws if the value of a variable is unknown. */
function environmentOf({ env = [] }: Container, podName: string, { fields, pod }: Values): Record<string, string> {
  const environment = { ...(pod.variables as Record<string, string>) };
  for (const { name, value, valueFrom } of env) {
    const path = valueFrom?.fieldRef.fieldPath;
    const text = path === undefined ? value : (fields[path] ?? annotationAt(path, pod));
    if (text === undefined) throw new Error(`${podName}: the value of the variable ${name} is unknown`);
    environment[name] = path === undefined ? expand(text, environment) : text;
  }
  return environment;
}

/**
 * Expands `$(NAME)` as the kubelet does. Leaves `$(NAME)` unchanged if the name is unknown (Kubernetes, "Dependent
 * Variables").
 */
function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (whole, name: string) => values[name] ?? whole);
}
