/** Checks that the pods of the manifests are safe, and that their options fit the tools. A schema cannot check this. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { before, describe, it } from "node:test";
import type { LaunchPlan } from "launcher/launch-plan";
import { formatInput } from "oras-push/oci/tag-pattern";
import type { SidecarCommandPlan } from "oras-push/options/sidecar";
import {
  KUBECTLS,
  KUBERNETES_SKIP,
  type KubernetesObject,
  kustomizations,
  kustomize,
  MANIFESTS,
  validate,
} from "../support/kubernetes.ts";
import { restrictedViolations } from "../support/pod-security.ts";
import { type Container, containersOf, mountOf, type Pod, podsOf } from "../support/pod-spec.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { parseToolUse, type ToolUse } from "../support/tool-use.ts";

const SHARE = "/mnt/oras";

/** The image of the tools. In this image, the tools are on the PATH. */
const TOOLS = /(^|\/)oras-pod-tools:/;

/** The Secrets and ConfigMaps that the comments in the manifests tell the user to create. */
const CREATED_BY_USER = ["registry-login", "registry-ca", "mpi-ssh", "oras-pod-tools-webhook"];

/** A container and its tool calls. */
interface ContainerUse {
  readonly container: Container;
  readonly use: ToolUse;
}

/** A pod and the tool calls of its containers. */
interface PodUse {
  readonly pod: Pod;
  readonly containers: readonly ContainerUse[];
}

async function parsePodUse(pod: Pod): Promise<PodUse> {
  const containers = containersOf(pod).map(async (container) => ({
    container,
    use: await parseToolUse(container, pod),
  }));
  return { pod, containers: await Promise.all(containers) };
}

/** The launcher and the sidecar of a pod. */
interface Step {
  readonly pod: Pod;
  /** The container of the sidecar. */
  readonly container: Container;
  readonly launch: LaunchPlan;
  readonly sidecar: SidecarCommandPlan;
}

/**
 * Returns the launcher and the sidecar of a pod. The result is empty if the pod has neither. Fails if the pod has only
 * one of the two, or if it has several launchers or sidecars.
 */
function stepsOf({ pod, containers }: PodUse): Step[] {
  const launches = containers.flatMap(({ use }) => use.launch ?? []);
  const sidecars = containers.flatMap(({ container, use: { sidecar } }) => (sidecar ? [{ container, sidecar }] : []));
  assert.ok(launches.length <= 1 && sidecars.length === launches.length, pod.name);
  return launches.flatMap((launch) => sidecars.map((sidecar) => ({ pod, launch, ...sidecar })));
}

function selects(selector: Readonly<Record<string, string>>, { labels }: Pod): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

describe("pods of the manifests", { skip: KUBERNETES_SKIP, timeout: 120_000 }, () => {
  let objects: KubernetesObject[] = [];
  let pods: PodUse[] = [];
  before(async () => {
    const built = await Promise.all(kustomizations().map((name) => kustomize(name)));
    objects = (await validate(built)).flat().map(({ object }) => object);
    // This line throws if a tool does not know an option.
    pods = await Promise.all(objects.flatMap(podsOf).map(parsePodUse));
  });

  it("have a launcher, a sidecar and the tools, except for the registry, the webhook and the workers of MPI", () => {
    const podsWithout = (...calls: readonly (keyof ToolUse)[]) => {
      const lacking = pods.filter(({ containers }) =>
        calls.some((call) => containers.every(({ use }) => !(call in use))),
      );
      return [...new Set(lacking.map(({ pod }) => pod.name))].sort();
    };
    const others = ["Deployment oras-pod-tools-webhook", "JobSet lammps-mpi-0, worker", "StatefulSet oras"];
    assert.deepEqual(podsWithout("launch", "sidecar"), others);
    assert.deepEqual(podsWithout("install"), [...others, "Pod step-image-volume"].sort());
  });

  it("meet the restricted profile and have read-only roots", () => {
    const violations = pods.flatMap(({ pod }) => restrictedViolations(pod).map((what) => `${pod.name}: ${what}`));
    assert.deepEqual(violations, []);
  });

  it("have requests, a memory limit, and no access to Kubernetes", () => {
    for (const { pod, containers } of pods) {
      assert.equal(pod.spec.automountServiceAccountToken, false, pod.name);
      assert.equal(pod.spec.enableServiceLinks, false, pod.name);
      for (const { container } of containers) {
        const { requests, limits } = container.resources ?? {};
        assert.ok(requests?.cpu && requests.memory && limits?.memory, `${pod.name}, ${container.name}`);
      }
    }
  });

  it("mount each of their volumes and no others", () => {
    for (const { pod, containers } of pods) {
      const expected = [...(pod.spec.volumes ?? []).map(({ name }) => name), ...pod.claims].sort();
      const mounted = containers.flatMap(({ container }) => (container.volumeMounts ?? []).map(({ name }) => name));
      assert.deepEqual([...new Set(mounted)].sort(), expected, pod.name);
    }
  });

  it("mount only Secrets and ConfigMaps that a manifest or the user creates", () => {
    const created = objects.filter(({ kind }) => kind === "ConfigMap").map(({ metadata }) => metadata.name);
    for (const { pod } of pods) {
      for (const volume of pod.spec.volumes ?? []) {
        const { secret, configMap } = volume as { secret?: { secretName: string }; configMap?: { name: string } };
        const name = secret?.secretName ?? configMap?.name;
        assert.ok(name === undefined || [...created, ...CREATED_BY_USER].includes(name), `${pod.name}: ${name}`);
      }
    }
  });

  it("call the tools at paths that exist", () => {
    for (const { pod, containers } of pods) {
      const installed = containers.map(({ use }) => use.install);
      for (const { container, use } of containers) {
        const [program = ""] = container.command ?? [];
        if (Object.keys(use).length === 0) continue;
        if (!program.includes("/")) {
          assert.match(container.image, TOOLS, `${pod.name}: ${container.image} does not contain ${program}`);
          continue;
        }
        const volume = pod.spec.volumes?.find(({ name }) => name === mountOf(program, container)?.name);
        const { reference } = (volume?.image ?? { reference: "" }) as { readonly reference: string };
        assert.ok(
          installed.includes(dirname(program)) || TOOLS.test(reference),
          `${pod.name}: nothing installs ${program}`,
        );
      }
    }
  });

  it("take the image of an image volume from the `images:` of an overlay", async (t) => {
    const folder = temporaryFolder(t);
    const resource = relative(folder, join(MANIFESTS, "image-volume"));
    const images = "images: [{ name: oras-pod-tools, newName: example.org/tools, newTag: two }]";
    writeFileSync(join(folder, "kustomization.yaml"), `resources: [${resource}]\n${images}\n`);
    for (const kubectl of KUBECTLS) {
      const { text } = await kustomize(folder, kubectl);
      assert.match(text, /^ *reference: example\.org\/tools:two$/m, kubectl);
      assert.match(text, /^ *image: example\.org\/tools:two$/m, kubectl);
    }
  });

  it("share one volume between launcher and sidecar, and can write their inputs", () => {
    for (const { pod, containers } of pods) {
      const using = containers.filter(({ use }) => Object.keys(use).length > 0);
      const volumes = new Set(using.map(({ container }) => mountOf(SHARE, container)?.name));
      assert.ok(volumes.size <= 1 && !volumes.has(undefined), pod.name);
      for (const { container, use } of using) {
        const mount = use.launch?.input === undefined ? {} : mountOf(use.launch.input, container);
        assert.ok(mount !== undefined && !("readOnly" in mount), `${pod.name}: cannot write the inputs`);
      }
    }
  });

  it("write their outputs to the shared volume, which outlives a killed launcher", () => {
    for (const { pod, launch } of pods.flatMap(stepsOf)) {
      assert.ok(launch.outputs.length > 0, pod.name);
      for (const path of [...launch.outputs.map(({ path }) => path), launch.outputPipe ?? `${SHARE}/`])
        assert.ok(path.startsWith(`${SHARE}/`), `${pod.name}: ${path}`);
    }
  });

  it("have one sidecar beside the launcher, which is native except in one example", () => {
    const steps = pods.flatMap(stepsOf);
    const classic = steps.filter(({ sidecar }) => !sidecar.native).map(({ pod }) => pod.name);
    assert.deepEqual(classic, ["Pod step-classic"]);
    for (const { pod, container, launch, sidecar } of steps) {
      assert.equal(container.name, "oras", "the guide uses this name for `kubectl logs -c`");
      assert.equal(sidecar.native, container.restartPolicy === "Always", pod.name);
      // Kubernetes ignores the exit code of a native sidecar. So the launcher waits for the push, and fails if the push
      // fails.
      assert.equal(launch.waitPush, sidecar.native, pod.name);
      // A classic sidecar must not restart after its push.
      if (!sidecar.native) assert.equal(pod.spec.restartPolicy, "Never", pod.name);
      assert.equal(sidecar.pullFrom.length > 0, launch.input !== undefined, pod.name);
      // Without a probe, the application starts even if the sidecar cannot start. A launcher with inputs needs no
      // probe, because it runs no command before the sidecar has pulled the inputs.
      const isProbed = container.startupProbe?.exec?.command[0] === "wait-fs";
      assert.ok(isProbed || !sidecar.native || launch.input !== undefined, pod.name);
    }
  });

  it("have a limit for each wait of launcher and sidecar, and time to push before they are killed", () => {
    for (const { pod, launch, sidecar } of pods.flatMap(stepsOf)) {
      const { activeDeadlineSeconds = 0, terminationGracePeriodSeconds = 0 } = pod.spec;
      // Only a classic sidecar needs a limit for its wait for the launcher. Kubernetes stops a native sidecar when the
      // other containers have ended.
      const start = sidecar.native ? 0 : (sidecar.startTimeoutSeconds ?? Number.NaN);
      assert.ok(activeDeadlineSeconds > start, pod.name);
      if (launch.input !== undefined) {
        const { initTimeoutSeconds = Number.NaN } = launch;
        assert.ok(initTimeoutSeconds > (sidecar.inputTimeoutSeconds ?? 0), pod.name);
        assert.ok(activeDeadlineSeconds > initTimeoutSeconds, pod.name);
      }
      assert.ok(terminationGracePeriodSeconds > launch.graceSeconds + sidecar.retrySeconds, pod.name);
    }
  });

  it("have the label that lets them reach their registry through the network policies", () => {
    for (const { pod, containers } of pods) {
      for (const { sidecar } of containers.map(({ use }) => use)) {
        if (sidecar === undefined) continue;
        const remote = pod.labels["remote-registry"] === "true";
        const registry = remote ? "registry.example.org" : "oras-0.oras.pod-namespace.svc.cluster.local:5000";
        assert.equal(remote || pod.labels["oras-client"], remote || "true", pod.name);
        for (const reference of [...sidecar.pullFrom, ...(sidecar.pushTo === undefined ? [] : [sidecar.pushTo])])
          assert.ok(formatInput(reference).startsWith(`${registry}/`), formatInput(reference));
      }
    }
  });

  it("match every selector of a service or a policy", () => {
    const selectors = objects.flatMap(({ kind, spec }) => {
      const { podSelector, selector } = (spec ?? {}) as {
        readonly podSelector?: { readonly matchLabels: Record<string, string> };
        readonly selector?: Record<string, string>;
      };
      return kind === "NetworkPolicy" ? [podSelector?.matchLabels] : kind === "Service" ? [selector] : [];
    });
    assert.ok(selectors.length > 0);
    for (const selector of selectors) {
      const selected = selector !== undefined && pods.some(({ pod }) => selects(selector, pod));
      assert.ok(selected, JSON.stringify(selector));
    }
  });
});
