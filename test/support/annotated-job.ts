import { NAMESPACE } from "./cluster.ts";

const OPERATOR = "oras.converged-computing.github.io/";

const SECURITY = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
const POD_SECURITY = { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } };

/** Annotations with the prefix of the ORAS Operator. */
export function operatorAnnotations(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${OPERATOR}${name}`, value]));
}

/** A busybox Job that meets the `restricted` profile and runs a shell script. Injection has not changed it. */
export function annotatedJob(name: string, annotations: object, script: string): object {
  const container = {
    name: "app",
    image: "docker.io/library/busybox:1.37",
    command: ["sh", "-c", script],
    securityContext: SECURITY,
  };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace: NAMESPACE, annotations },
    spec: { template: { spec: { restartPolicy: "Never", securityContext: POD_SECURITY, containers: [container] } } },
  };
}
