/** The manifests and the output of kustomize are valid for Kubernetes. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { ROOT } from "../../support/paths.ts";
import {
  JOBSET_SKIP,
  KUBERNETES_SKIP,
  kustomizations,
  kustomize,
  MANIFESTS,
  type Manifest,
  manifestFiles,
  validate,
} from "../support/kubernetes.ts";

/** Returns a manifest in which `to` replaces the text `from`. Fails if the manifest does not contain `from`. */
function replaced(name: string, from: string, to: string): Manifest {
  const text = readFileSync(join(MANIFESTS, name), "utf8");
  assert.ok(text.includes(from), `${name} has no ${from}`);
  return { name, text: text.replace(from, to) };
}

async function errorsOf(...manifests: readonly Manifest[]): Promise<string[]> {
  const validated = await validate(manifests);
  return manifests.flatMap(({ name }, index) =>
    (validated[index] ?? []).flatMap(({ object, errors }) =>
      errors.map((error) => `${name}, ${object.kind}: ${error}`),
    ),
  );
}

it("every manifest is a resource of the kustomization beside it", () => {
  for (const { name } of manifestFiles()) {
    const kustomization = readFileSync(join(MANIFESTS, dirname(name), "kustomization.yaml"), "utf8");
    assert.match(kustomization, new RegExp(`^ {2}- ${name.slice(dirname(name).length + 1)}$`, "m"), name);
  }
});

it("every folder in a `kubectl apply -k` of a comment or a document has a kustomization", () => {
  const documents = [join(ROOT, "README.md"), ...globSync(join(ROOT, "docs", "*.md"))];
  const files = [...documents, ...globSync(join(MANIFESTS, "**", "*.{md,yaml}"))];
  const matches = files.flatMap((file) => [
    ...readFileSync(file, "utf8").matchAll(/(?:apply|delete) -k images\/manifests\/([\w/-]+)/g),
  ]);
  const folders = new Set(matches.map(([, folder = ""]) => folder));
  // The commands of the guide create `overlays/mine` and `overlays/webhook`. The other two names are placeholders.
  for (const folder of ["overlays/mine", "overlays/webhook", "overlays/YOURS", "FOLDER"])
    assert.ok(folders.delete(folder), folder);
  assert.deepEqual(
    [...folders].filter((folder) => !kustomizations().includes(folder)),
    [],
  );
  assert.ok(folders.size > 5);
});

describe("schemas of Kubernetes", { skip: KUBERNETES_SKIP, timeout: 240_000 }, () => {
  it("accept every field of every manifest", async () => {
    assert.deepEqual(await errorsOf(...manifestFiles()), []);
  });

  it("accept every field of the output of kubectl kustomize, which prints no warning", async () => {
    const built = await Promise.all(kustomizations().map((name) => kustomize(name)));
    assert.ok(built.length > 0 && built.every(({ text }) => text.includes("\nkind: ")));
    assert.deepEqual(await errorsOf(...built), []);
  });

  it("reject an unknown field, a wrong type, and a field of a newer Kubernetes", async () => {
    const errors = await errorsOf(
      replaced("pod/pod.yaml", "enableServiceLinks", "enableServiceLink"),
      replaced("job/job.yaml", "readOnlyRootFilesystem", "readOnlyRootFileSystem"),
      replaced("registry/statefulset.yaml", "replicas: 1", 'replicas: "1"'),
      replaced("registry/network-policy.yaml", "policyTypes", "policyType"),
      replaced("pod/pod.yaml", "emptyDir: { sizeLimit: 1Gi }", "image: { reference: tools }"),
    );
    for (const expected of [
      "pod/pod.yaml, Pod: spec: Additional properties are not allowed ('enableServiceLink' was unexpected)",
      "'readOnlyRootFileSystem' was unexpected",
      "spec.replicas: '1' is not of type",
      "'policyType' was unexpected",
      "spec.volumes.0: Additional properties are not allowed ('image' was unexpected) (Kubernetes 1.29)",
    ])
      assert.ok(
        errors.some((error) => error.includes(expected)),
        `${expected} is not in ${errors.join("\n")}`,
      );
  });

  it("reject an unknown field in the pods of a JobSet", async () => {
    const errors = await errorsOf(replaced("jobset/jobset.yaml", "readinessProbe", "readynessProbe"));
    assert.ok(errors.some((error) => error.includes("worker: spec.template.spec.containers.0")));
  });
});

it("the schema of JobSet rejects an unknown field", { skip: JOBSET_SKIP, timeout: 120_000 }, async () => {
  const errors = await errorsOf(replaced("jobset/jobset.yaml", "dependsOn", "dependOn"));
  assert.equal(errors.length, 1);
  assert.match(errors[0] ?? "", /'dependOn' was unexpected.*\(JobSet\)$/);
});
