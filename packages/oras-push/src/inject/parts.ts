import { DEFAULT_SHARE, SHARE } from "shared/pod/markers";
import { OWN_PREFIX, type PodPart } from "./annotations.ts";
import type { EnvironmentVariable, Resources } from "./pod.ts";

/** The names of the containers and volumes that injection adds to a pod. */
export const NAMES = {
  sidecar: "oras",
  install: "oras-install",
  share: "oras",
  tools: "oras-tools",
  noToken: "oras-no-token",
  registrySecret: "oras-registry-secret",
  authority: "oras-ca",
  clientCertificate: "oras-client-certificate",
  annotationFile: "oras-annotations",
} as const;

/** The paths at which injection mounts volumes. */
export const PATHS = {
  share: DEFAULT_SHARE,
  /** The mount path of the image that contains the tools. The tools look for their loader at this path. */
  tools: "/opt/oras-pod-tools",
  /** The mount path of the service account's token. An empty volume at this path hides the token from the sidecar. */
  token: "/var/run/secrets/kubernetes.io/serviceaccount",
} as const;

/** Files that the sidecar gets from a Secret or a ConfigMap. */
export interface FileSource {
  /**
   * The part of the pod that an annotation sets. The value of the annotation is the name of the Secret or the
   * ConfigMap.
   */
  readonly part: PodPart;
  /** The name of the volume. */
  readonly volume: string;
  readonly mountPath: string;
  readonly kind: "secret" | "configMap";
  /** The arguments that pass the location of these files to the sidecar. */
  readonly words: readonly string[];
}

const FILES = "/etc/oras-pod-tools";

/** All files that annotations give to the sidecar, in the order of their volumes. */
export const FILE_SOURCES: readonly FileSource[] = [
  {
    part: "registrySecret",
    volume: NAMES.registrySecret,
    mountPath: `${FILES}/registry`,
    kind: "secret",
    words: [`--registry-config=${FILES}/registry`],
  },
  {
    part: "authority",
    volume: NAMES.authority,
    mountPath: `${FILES}/ca`,
    kind: "configMap",
    words: [`--ca-file=${FILES}/ca/ca.crt`],
  },
  {
    part: "clientCertificate",
    volume: NAMES.clientCertificate,
    mountPath: `${FILES}/client`,
    kind: "secret",
    words: [`--cert-file=${FILES}/client/tls.crt`, `--key-file=${FILES}/client/tls.key`],
  },
  {
    part: "annotationFile",
    volume: NAMES.annotationFile,
    mountPath: `${FILES}/annotations`,
    kind: "configMap",
    words: [`--annotation-file=${FILES}/annotations/annotations.json`],
  },
];

/** The field of a volume's source that names the Secret or the ConfigMap (Kubernetes API, core/v1, `Volume`). */
export const SOURCE_FIELDS = { secret: "secretName", configMap: "name" } as const;

/** The launcher's path in the application's container. */
export const LAUNCHER = {
  "image-volume": `${PATHS.tools}/launcher`,
  install: `${PATHS.share}/bin/launcher`,
} as const;

/**
 * The label of the registry, and of each pod that asks for injection. The registry's headless Service selects pods with
 * this label. Therefore, these pods get DNS names below the name of the Service. The registry's network policy allows
 * connections from these pods.
 */
export const NETWORK_LABEL = { name: `${OWN_PREFIX}registry-network`, value: "true" } as const;

/** The variable and the annotation that contain the index of a pod in an Indexed Job. The Job controller sets both. */
export const COMPLETION_INDEX = {
  variable: "JOB_COMPLETION_INDEX",
  annotation: "batch.kubernetes.io/job-completion-index",
} as const;

/** The grace period that Kubernetes gives a pod by default, in seconds. */
export const DEFAULT_GRACE_PERIOD = 30;

/**
 * The grace period of a pod with a sidecar, in seconds. The launcher needs the first part of this time for its
 * `--grace`. The sidecar needs the rest for the push and its retries. Injection keeps any grace period other than
 * {@link DEFAULT_GRACE_PERIOD}, because the user chose it on purpose.
 */
export const GRACE_PERIOD = 180;

/** The user of the tools' image. */
const USER = 65532;

/**
 * The permissions of the injected containers. These permissions meet the profile `restricted` (Kubernetes, "Pod
 * Security Standards").
 */
export const SECURITY_CONTEXT = {
  runAsNonRoot: true,
  runAsUser: USER,
  runAsGroup: USER,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
} as const;

/**
 * Variables with facts about the pod. The sidecar saves their values in annotations of the artifact. References can
 * contain these variables too.
 */
export const VARIABLES: readonly EnvironmentVariable[] = [
  variable("POD_NAME", "metadata.name"),
  variable("POD_NAMESPACE", "metadata.namespace"),
  variable("NODE_NAME", "spec.nodeName"),
];

/** The variable that contains the index of the pod in an Indexed Job. */
export const INDEX_VARIABLE: EnvironmentVariable = variable(
  COMPLETION_INDEX.variable,
  `metadata.annotations['${COMPLETION_INDEX.annotation}']`,
);

/**
 * The sidecar's startup probe. Kubernetes starts the application when this probe has succeeded. The probe succeeds when
 * the sidecar holds its lease, or has nothing to do. The probe does not wait for the inputs. So if the sidecar cannot
 * pull the inputs, the launcher still starts, and fails at once.
 */
export const STARTUP_PROBE = {
  exec: {
    command: [
      "wait-fs",
      "-q",
      "--timeout",
      "0",
      "--any",
      "-p",
      `${PATHS.share}/${SHARE.sidecarLease}`,
      "-p",
      `${PATHS.share}/${SHARE.init}`,
    ],
  },
  periodSeconds: 2,
  // On a node with too little processor time, a probe needs many seconds. A short timeout would make each probe fail.
  timeoutSeconds: 60,
  failureThreshold: 900,
} as const;

/** The mounts of the injected containers. */
export const SIDECAR_MOUNTS = [
  { name: NAMES.share, mountPath: PATHS.share },
  { name: NAMES.noToken, mountPath: PATHS.token, readOnly: true },
] as const;

/** The command of the init container that installs the tools on the shared volume. */
export const INSTALL_COMMAND: readonly string[] = ["launcher", "--install", `${PATHS.share}/bin`];

/**
 * The quality-of-service class of a pod (Kubernetes, "Pod Quality of Service Classes"). Injection gives resources to
 * the injected containers only in pods of these two classes.
 */
export type ServiceClass = "burstable" | "guaranteed";

/**
 * The resources of the injected containers for each class. These resources do not change the class of the pod. If no
 * container of a pod has requests or limits, the injected containers get no resources either. If they got resources,
 * this pod would change its class. But pods without a sidecar in the same job would keep their class.
 */
export const RESOURCES: Readonly<Record<ServiceClass, { readonly sidecar: Resources; readonly install: Resources }>> = {
  burstable: {
    sidecar: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
    install: { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "256Mi" } },
  },
  guaranteed: {
    sidecar: { requests: { cpu: "500m", memory: "256Mi" }, limits: { cpu: "500m", memory: "256Mi" } },
    install: { requests: { cpu: "500m", memory: "256Mi" }, limits: { cpu: "500m", memory: "256Mi" } },
  },
};

function variable(name: string, fieldPath: string): EnvironmentVariable {
  return { name, valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } } };
}
