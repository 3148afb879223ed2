import assert from "node:assert/strict";
import type { TestPod } from "../../inject/pods.ts";
import type { ApiAnswer, ApiClient } from "./client.ts";

/**
 * Creates a pod in a namespace with `dryRun=All`. The API server admits and validates the pod, but does not store it.
 */
export function dryRunPod(client: ApiClient, namespace: string, pod: TestPod): Promise<ApiAnswer> {
  return client.send("POST", `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
}

/**
 * Asserts that the API server returned the expected pod, and one warning of oras-pod-tools for each text in `starts`.
 * The message of this warning begins with the text.
 */
export async function assertInjected(
  client: ApiClient,
  { status, body, warnings }: ApiAnswer,
  plainNamespace: string,
  { pod, starts }: { readonly pod: TestPod; readonly starts: readonly string[] },
): Promise<void> {
  assert.equal(status, 201, String(body.message));
  const wanted = await dryRunPod(client, plainNamespace, pod);
  assert.equal(wanted.status, 201, String(wanted.body.message));
  assert.deepEqual(comparablePod(body), comparablePod(wanted.body));
  const ours = warnings.filter((warning) => warning.includes("oras-pod-tools"));
  assert.equal(ours.length, starts.length, ours.join("\n"));
  for (const start of starts)
    assert.ok(
      ours.some((warning) => warning.includes(`: ${start}`)),
      ours.join("\n"),
    );
}

interface Named {
  readonly name: string;
}

interface CreatedPod {
  readonly metadata: { readonly labels?: object; readonly annotations?: object };
  readonly spec: {
    readonly volumes?: readonly Named[];
    readonly initContainers?: readonly { readonly volumeMounts?: readonly Named[] }[];
    readonly containers: readonly { readonly volumeMounts?: readonly Named[] }[];
  };
}

/**
 * Returns the parts of a created pod that a user decides: labels, annotations and specification. The volume of a token
 * has a random name and a varying position. So this function removes the random part of the name, and sorts volumes and
 * mounts.
 */
export function comparablePod(pod: unknown): object {
  const { metadata, spec } = JSON.parse(
    JSON.stringify(pod).replaceAll(/kube-api-access-[a-z0-9]{5}/g, "kube-api-access"),
  ) as CreatedPod;
  const withSortedMounts = <T extends { readonly volumeMounts?: readonly Named[] }>(container: T): T =>
    container.volumeMounts === undefined ? container : { ...container, volumeMounts: byName(container.volumeMounts) };
  return {
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    spec: {
      ...spec,
      volumes: byName(spec.volumes ?? []),
      initContainers: (spec.initContainers ?? []).map(withSortedMounts),
      containers: spec.containers.map(withSortedMounts),
    },
  };
}

function byName(items: readonly Named[]): Named[] {
  return [...items].sort((a, b) => a.name.localeCompare(b.name));
}
