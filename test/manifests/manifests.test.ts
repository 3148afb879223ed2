/** Every manifest, and all that kustomize makes of them, is what Kubernetes takes. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { ROOT } from "../../support/paths.ts";
import {
  check,
  JOBSET_SKIP,
  KUBERNETES_SKIP,
  kustomizations,
  kustomize,
  MANIFESTS,
  type Manifest,
  manifestFiles,
} from "../support/kubernetes.ts";

/** A manifest with one thing changed, which must be there. */
function changed(name: string, from: string, to: string): Manifest {
  const text = readFileSync(join(MANIFESTS, name), "utf8");
  assert.ok(text.includes(from), `${name} has no ${from}`);
  return { name, text: text.replace(from, to) };
}

async function errorsOf(...manifests: readonly Manifest[]): Promise<string[]> {
  const checked = await check(manifests);
  return manifests.flatMap(({ name }, index) =>
    (checked[index] ?? []).flatMap(({ object, errors }) => errors.map((error) => `${name}, ${object.kind}: ${error}`)),
  );
}

it("every manifest is built by a kustomization beside it", () => {
  for (const { name } of manifestFiles()) {
    const kustomization = readFileSync(join(MANIFESTS, dirname(name), "kustomization.yaml"), "utf8");
    assert.match(kustomization, new RegExp(`^ {2}- ${name.slice(dirname(name).length + 1)}$`, "m"), name);
  }
});

it("every folder that a comment or a document applies is one that kustomize builds", () => {
  const documents = [join(ROOT, "README.md"), ...globSync(join(ROOT, "docs", "*.md"))];
  const files = [...documents, ...globSync(join(MANIFESTS, "**", "*.{md,yaml}"))];
  const named = files.flatMap((file) => [
    ...readFileSync(file, "utf8").matchAll(/(?:apply|delete) -k images\/manifests\/([\w/-]+)/g),
  ]);
  const folders = new Set(named.map(([, folder = ""]) => folder));
  // What the guide has its reader make, and what stands for any of them.
  for (const folder of ["overlays/mine", "overlays/YOURS", "FOLDER"]) assert.ok(folders.delete(folder), folder);
  assert.deepEqual(
    [...folders].filter((folder) => !kustomizations().includes(folder)),
    [],
  );
  assert.ok(folders.size > 5);
});

describe("Kubernetes' schemas", { skip: KUBERNETES_SKIP, timeout: 240_000 }, () => {
  it("know every field of every manifest as it is written", async () => {
    assert.deepEqual(await errorsOf(...manifestFiles()), []);
  });

  it("know every field of what kubectl kustomize builds, which warns of nothing", async () => {
    const built = await Promise.all(kustomizations().map(kustomize));
    assert.ok(built.length > 0 && built.every(({ text }) => text.includes("\nkind: ")));
    assert.deepEqual(await errorsOf(...built), []);
  });

  it("refuse an unknown field, a wrong type, and a field of a newer Kubernetes", async () => {
    const errors = await errorsOf(
      changed("pod/pod.yaml", "enableServiceLinks", "enableServiceLink"),
      changed("job/job.yaml", "readOnlyRootFilesystem", "readOnlyRootFileSystem"),
      changed("registry/statefulset.yaml", "replicas: 1", 'replicas: "1"'),
      changed("registry/network-policy.yaml", "policyTypes", "policyType"),
      changed("pod/pod.yaml", "emptyDir: { sizeLimit: 1Gi }", "image: { reference: tools }"),
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

  it("refuse an unknown field in the pods of a JobSet", async () => {
    const errors = await errorsOf(changed("jobset/jobset.yaml", "readinessProbe", "readynessProbe"));
    assert.ok(errors.some((error) => error.includes("worker: spec.template.spec.containers.0")));
  });
});

it("JobSet's own schema refuses an unknown field", { skip: JOBSET_SKIP, timeout: 120_000 }, async () => {
  const errors = await errorsOf(changed("jobset/jobset.yaml", "dependsOn", "dependOn"));
  assert.equal(errors.length, 1);
  assert.match(errors[0] ?? "", /'dependOn' was unexpected.*\(JobSet\)$/);
});
