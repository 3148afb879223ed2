import { NAMESPACE } from "./cluster.ts";

const OPERATOR = "oras.converged-computing.github.io/";

const SECURITY = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
const POD_SECURITY = { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } };

/** Annotations with the prefix of the ORAS Operator. */
export function operatorAnnotations(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${OPERATOR}${name}`, value]));
}

/** The fields of an annotated Job. */
export interface AnnotatedJob {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: object;
  readonly spec: { readonly template: { readonly spec: object } };
}

/**
 * Returns an annotated Job before injection. It meets the `restricted` profile. If `application` is a text, the Job
 * runs this text as a shell script in busybox. Otherwise, `application` contains the fields of the container.
 */
export function annotatedJob(name: string, annotations: object, application: string | object): AnnotatedJob {
  const script = { image: "docker.io/library/busybox:1.37", command: ["sh", "-c", application] };
  const container = {
    name: "app",
    securityContext: SECURITY,
    ...(typeof application === "string" ? script : application),
  };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace: NAMESPACE, annotations },
    spec: { template: { spec: { restartPolicy: "Never", securityContext: POD_SECURITY, containers: [container] } } },
  };
}
