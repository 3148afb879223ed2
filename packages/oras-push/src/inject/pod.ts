/** An environment variable of a container. */
export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: object;
}

/** The requests and limits of a container. */
export interface Resources {
  readonly requests?: Readonly<Record<string, string | number>>;
  readonly limits?: Readonly<Record<string, string | number>>;
}

/** The fields of a container that injection reads (Kubernetes API, core/v1, `Container`). */
export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvironmentVariable[];
  readonly resources?: Resources;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

/** The fields of a pod's specification that injection reads (Kubernetes API, core/v1, `PodSpec`). */
export interface PodSpec {
  readonly restartPolicy?: string;
  readonly subdomain?: string;
  readonly terminationGracePeriodSeconds?: number;
  readonly resources?: object;
  readonly volumes?: readonly { readonly name: string }[];
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
}

/** A pod, or the template of a pod. */
export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>> | null;
    readonly annotations?: Readonly<Record<string, string>> | null;
  };
  readonly spec: PodSpec;
}

/** Returns the annotations of a pod. The result is empty if the pod has no annotations. */
export function annotationsOf({ metadata }: PodTemplate): Readonly<Record<string, string>> {
  return metadata?.annotations ?? {};
}
