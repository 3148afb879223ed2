/** The components add the launcher and the sidecar to a user's own Jobs. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, describe, it } from "node:test";
import { formatReference } from "oras-push/oci/reference";
import { formatInput } from "oras-push/oci/tag-pattern";
import {
  KUBECTLS,
  KUBERNETES_SKIP,
  type KubernetesObject,
  kustomize,
  MANIFESTS,
  validate,
} from "../support/kubernetes.ts";
import { restrictedViolations } from "../support/pod-security.ts";
import { type Container, containersOf, type Pod, podsOf } from "../support/pod-spec.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { parseToolUse, type ToolUse } from "../support/tool-use.ts";

const COMPONENTS = ["step", "step-image-volume"] as const;
type Component = (typeof COMPONENTS)[number];

/** The parts of a user's Job that differ between the tests. */
interface JobParts {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly pod?: object;
  readonly containers?: readonly object[];
}

const ANNOTATIONS = {
  "oras-pod-tools.dev/output": "/mnt/oras/answer",
  "oras-pod-tools.dev/push-to": "registry.example.org/guide/{POD_NAMESPACE}:1",
};

const APPLICATION = { name: "application", image: "example.org/mine:1", command: ["sh", "-c", "true"] };

const SECURITY = {
  runAsNonRoot: true,
  runAsUser: 1000,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

const MOUNT = { name: "mine", mountPath: "/mine" };

/** The Jobs of a user, by name. */
const JOBS: Readonly<Record<string, JobParts>> = {
  plain: {},
  unlabelled: { labels: {} },
  restricted: { containers: [{ ...APPLICATION, securityContext: SECURITY }] },
  rich: {
    pod: {
      activeDeadlineSeconds: 60,
      volumes: [{ name: "mine", emptyDir: {} }],
      initContainers: [{ name: "first", image: "example.org/first:1" }],
    },
    containers: [
      { name: "other", image: "example.org/other:1" },
      { ...APPLICATION, args: ["--fast"], env: [{ name: "ORAS_LOGS", value: "true" }], volumeMounts: [MOUNT] },
    ],
  },
  inputs: {
    annotations: {
      ...ANNOTATIONS,
      "oras-pod-tools.dev/output": "/mnt/oras/one\n/mnt/oras/two*\n",
      "oras-pod-tools.dev/pull-from": "registry.example.org/odd:1\nregistry.example.org/even:1\n",
      "oras-pod-tools.dev/input": "/tmp/inputs",
    },
  },
};

const IMAGES = [{ name: "oras-pod-tools", newName: "example.org/tools", newTag: "two" }];

function jobOf(name: string, { labels, annotations = ANNOTATIONS, pod, containers = [APPLICATION] }: JobParts) {
  const spec = { template: { metadata: { annotations }, spec: { restartPolicy: "Never", ...pod, containers } } };
  const metadata = { name, labels: labels ?? { "oras-pod-tools": "true" } };
  return { apiVersion: "batch/v1", kind: "Job", metadata, spec };
}

/** Writes a kustomization with Jobs and a component. Returns its folder. */
function folderWith(
  t: Parameters<typeof temporaryFolder>[0],
  component: Component,
  jobs: Readonly<Record<string, JobParts>>,
): string {
  const folder = temporaryFolder(t);
  // JSON is also YAML.
  const write = (name: string, content: object) => writeFileSync(join(folder, name), JSON.stringify(content));
  for (const [name, parts] of Object.entries(jobs)) write(`${name}.yaml`, jobOf(name, parts));
  write("kustomization.yaml", {
    resources: Object.keys(jobs).map((name) => `${name}.yaml`),
    components: [relative(folder, join(MANIFESTS, "components", component))],
    images: IMAGES,
  });
  return folder;
}

const containerOf = (pod: Pod, name: string) =>
  containersOf(pod).find((container) => container.name === name) as Container;
const useOf = (pod: Pod, name: string): Promise<ToolUse> => parseToolUse(containerOf(pod, name), pod);
const namesOf = (items: readonly { readonly name: string }[] = []) => items.map(({ name }) => name);

describe("components", { skip: KUBERNETES_SKIP, timeout: 120_000 }, () => {
  for (const component of COMPONENTS)
    describe(component, () => {
      let objects: KubernetesObject[] = [];
      before(async () => {
        const folder = folderWith({ after }, component, JOBS);
        const texts = await Promise.all(KUBECTLS.map(async (kubectl) => (await kustomize(folder, kubectl)).text));
        for (const text of texts) assert.equal(text, texts[0], "each kubectl builds the same objects");
        // The name selects the versions of Kubernetes.
        const name = component === "step" ? folder : "image-volume";
        const [validated = []] = await validate([{ name, text: texts[0] as string }]);
        const errors = validated.flatMap(({ errors }) => errors);
        assert.deepEqual(errors, []);
        objects = validated.map(({ object }) => object);
      });
      const objectOf = (name: string) => objects.find(({ metadata }) => metadata.name === name) as KubernetesObject;
      const podOf = (name: string) => podsOf(objectOf(name))[0] as Pod;

      it("adds volume, launcher and native sidecar to a plain Job", async () => {
        const pod = podOf("plain");
        const { launch } = await useOf(pod, "application");
        assert.deepEqual(launch?.command, APPLICATION.command);
        assert.deepEqual(launch?.outputs, [{ path: "/mnt/oras/answer" }]);
        assert.equal(launch?.waitPush, true);
        assert.equal(launch?.input, undefined);
        const { sidecar } = await useOf(pod, "oras");
        assert.equal(containerOf(pod, "oras").restartPolicy, "Always");
        assert.equal(sidecar?.native, true);
        assert.deepEqual(sidecar?.pullFrom, []);
        assert.ok(sidecar?.pushTo);
        assert.equal(formatReference(sidecar.pushTo), "registry.example.org/guide/pod-namespace:1");
        assert.equal(pod.labels["oras-client"], "true");
        assert.ok((pod.spec.terminationGracePeriodSeconds ?? 0) > launch.graceSeconds + sidecar.retrySeconds);
      });

      it("adds the tools", async () => {
        const pod = podOf("plain");
        const { command, volumeMounts = [] } = containerOf(pod, "application");
        if (component === "step") {
          assert.deepEqual(namesOf(pod.spec.initContainers), ["install", "oras"]);
          assert.deepEqual(namesOf(pod.spec.volumes), ["oras"]);
          assert.equal((await useOf(pod, "install")).install, "/mnt/oras/bin");
          assert.equal(command?.[0], "/mnt/oras/bin/launcher");
        } else {
          assert.deepEqual(namesOf(pod.spec.initContainers), ["oras"]);
          assert.deepEqual(namesOf(pod.spec.volumes).sort(), ["oras", "tools"]);
          const mount = { name: "tools", mountPath: "/opt/oras-pod-tools", readOnly: true };
          assert.deepEqual(
            volumeMounts.find(({ name }) => name === "tools"),
            mount,
          );
          assert.equal(command?.[0], "/opt/oras-pod-tools/launcher");
        }
      });

      it("takes the image of the tools from the user's kustomization", () => {
        const { spec } = podOf("plain");
        const volumes = spec.volumes as readonly { readonly image?: { readonly reference: string } }[];
        const images = [
          ...(spec.initContainers ?? []).map(({ image }) => image),
          ...volumes.flatMap(({ image }) => image?.reference ?? []),
        ];
        assert.deepEqual(images, ["example.org/tools:two", "example.org/tools:two"]);
        assert.equal(spec.containers[0]?.image, APPLICATION.image);
      });

      it("meets the restricted profile if the user's container does", () => {
        assert.deepEqual(restrictedViolations(podOf("restricted")), []);
        const violations = restrictedViolations(podOf("plain"));
        assert.ok(violations.length > 0 && violations.every((violation) => violation.startsWith("application ")));
      });

      it("keeps the other parts of the Job", async () => {
        const pod = podOf("rich");
        assert.equal(pod.spec.activeDeadlineSeconds, 60);
        assert.ok(namesOf(pod.spec.volumes).includes("mine"));
        // The user's init containers start after the sidecar.
        assert.deepEqual(namesOf(pod.spec.initContainers).slice(-2), ["oras", "first"]);
        assert.deepEqual(containerOf(pod, "other"), { name: "other", image: "example.org/other:1" });
        const application = containerOf(pod, "application");
        assert.ok(namesOf(application.volumeMounts).includes("mine"));
        assert.deepEqual(application.command?.slice(1), ["--wait-push", "--", ...APPLICATION.command]);
        assert.deepEqual((application as { readonly args?: unknown }).args, ["--fast"]);
        assert.equal((await useOf(pod, "application")).launch?.logs, true);
      });

      it("passes several outputs and inputs, one per line", async () => {
        const pod = podOf("inputs");
        const { launch } = await useOf(pod, "application");
        assert.deepEqual(launch?.outputs, [{ path: "/mnt/oras/one" }, { path: "/mnt/oras/two*" }]);
        assert.equal(launch?.input, "/tmp/inputs");
        const { sidecar } = await useOf(pod, "oras");
        const pulled = ["registry.example.org/odd:1", "registry.example.org/even:1"];
        assert.deepEqual(sidecar?.pullFrom.map(formatInput), pulled);
        assert.ok((launch?.initTimeoutSeconds ?? 0) > (sidecar?.inputTimeoutSeconds ?? Number.NaN));
      });

      it("does not change a Job without the label", () => {
        assert.deepEqual(objectOf("unlabelled").spec, jobOf("unlabelled", {}).spec);
      });

      for (const [what, containers] of [
        ["has no container `application`", [{ ...APPLICATION, name: "mine" }]],
        ["has an application without a command", [{ name: "application", image: "example.org/mine:1" }]],
      ] as const)
        it(`fails for a Job that ${what}`, async (t) => {
          const folder = folderWith(t, component, { wrong: { containers } });
          for (const kubectl of KUBECTLS)
            await assert.rejects(kustomize(folder, kubectl), /containers\/0\/command/, kubectl);
        });
    });
});
