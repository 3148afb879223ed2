/** What no schema knows of the pods in the manifests: that they are safe, and that the tools understand them. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { before, describe, it } from "node:test";
import { formatReference } from "oras-push/oci/reference";
import { check, KUBERNETES_SKIP, type KubernetesObject, kustomizations, kustomize } from "../support/kubernetes.ts";
import { restrictedViolations } from "../support/pod-security.ts";
import { type Container, containersOf, mountOf, type Pod, podsOf } from "../support/pod-spec.ts";
import { type ToolUse, toolUse } from "../support/tool-use.ts";

const SHARE = "/mnt/oras";

/** The image of the tools: in it they are found by their names alone. */
const TOOLS = /(^|\/)oras-pod-tools:/;

/** The Secrets and ConfigMaps that the manifests tell the user to make. */
const USERS = ["registry-login", "registry-ca", "mpi-ssh"];

/** A container with what it asks of our tools. */
interface Actor {
  readonly container: Container;
  readonly use: ToolUse;
}

/** A pod with what its containers ask of our tools. */
interface Cast {
  readonly pod: Pod;
  readonly actors: readonly Actor[];
}

async function castOf(pod: Pod): Promise<Cast> {
  const actors = containersOf(pod).map(async (container) => ({ container, use: await toolUse(container, pod) }));
  return { pod, actors: await Promise.all(actors) };
}

function selects(selector: Readonly<Record<string, string>>, { labels }: Pod): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

describe("the pods of the manifests", { skip: KUBERNETES_SKIP, timeout: 120_000 }, () => {
  let objects: KubernetesObject[] = [];
  let casts: Cast[] = [];
  before(async () => {
    const built = await Promise.all(kustomizations().map(kustomize));
    objects = (await check(built)).flat().map(({ object }) => object);
    // Options that the tools do not know end this.
    casts = await Promise.all(objects.flatMap(podsOf).map(castOf));
  });

  it("all have a launcher, a sidecar and who brings the tools, but for the registry and MPI's workers", () => {
    const without = (...parts: readonly (keyof ToolUse)[]) => {
      const lacking = casts.filter(({ actors }) => parts.some((part) => actors.every(({ use }) => !(part in use))));
      return [...new Set(lacking.map(({ pod }) => pod.name))].sort();
    };
    const others = ["JobSet lammps-mpi-0, worker", "StatefulSet oras"];
    assert.deepEqual(without("launch", "sidecar"), others);
    assert.deepEqual(without("install"), [...others.slice(0, 1), "Pod step-image-volume", ...others.slice(1)]);
  });

  it("meet the restricted profile, with read-only roots", () => {
    const found = casts.flatMap(({ pod }) => restrictedViolations(pod).map((what) => `${pod.name}: ${what}`));
    assert.deepEqual(found, []);
  });

  it("ask for what they need, have a limit of memory, and no access to Kubernetes", () => {
    for (const { pod, actors } of casts) {
      assert.equal(pod.spec.automountServiceAccountToken, false, pod.name);
      assert.equal(pod.spec.enableServiceLinks, false, pod.name);
      for (const { container } of actors) {
        const { requests, limits } = container.resources ?? {};
        assert.ok(requests?.cpu && requests.memory && limits?.memory, `${pod.name}, ${container.name}`);
      }
    }
  });

  it("mount the volumes that they have", () => {
    for (const { pod, actors } of casts) {
      const there = [...(pod.spec.volumes ?? []).map(({ name }) => name), ...pod.claims].sort();
      const mounted = actors.flatMap(({ container }) => (container.volumeMounts ?? []).map(({ name }) => name));
      assert.deepEqual([...new Set(mounted)].sort(), there, pod.name);
    }
  });

  it("name Secrets and ConfigMaps that are made beside them or that the user is told to make", () => {
    const made = objects.filter(({ kind }) => kind === "ConfigMap").map(({ metadata }) => metadata.name);
    for (const { pod } of casts) {
      for (const volume of pod.spec.volumes ?? []) {
        const { secret, configMap } = volume as { secret?: { secretName: string }; configMap?: { name: string } };
        const name = secret?.secretName ?? configMap?.name;
        assert.ok(name === undefined || [...made, ...USERS].includes(name), `${pod.name}: ${name}`);
      }
    }
  });

  it("call the tools where they are", () => {
    for (const { pod, actors } of casts) {
      const installed = actors.map(({ use }) => use.install);
      for (const { container, use } of actors) {
        const [program = ""] = container.command ?? [];
        if (Object.keys(use).length === 0) continue;
        if (!program.includes("/")) {
          assert.match(container.image, TOOLS, `${pod.name}: ${container.image} has no ${program}`);
          continue;
        }
        const volume = pod.spec.volumes?.find(({ name }) => name === mountOf(program, container)?.name);
        const { reference } = (volume?.image ?? { reference: "" }) as { readonly reference: string };
        assert.ok(installed.includes(dirname(program)) || TOOLS.test(reference), `${pod.name}: who brings ${program}?`);
      }
    }
  });

  it("have launcher and sidecar on one volume, and what the command writes where it can write", () => {
    for (const { pod, actors } of casts) {
      const using = actors.filter(({ use }) => Object.keys(use).length > 0);
      const volumes = new Set(using.map(({ container }) => mountOf(SHARE, container)?.name));
      assert.ok(volumes.size <= 1 && !volumes.has(undefined), pod.name);
      for (const { container, use } of using) {
        const { input, outputPipe, outputs } = use.launch ?? { outputs: [] };
        for (const path of [input, outputPipe, ...outputs]) {
          const mount = path === undefined ? {} : mountOf(path, container);
          assert.ok(mount !== undefined && !("readOnly" in mount), `${pod.name}: ${path} cannot be written`);
        }
      }
    }
  });

  it("have one sidecar beside the launcher, which fits its kind", () => {
    for (const { pod, actors } of casts) {
      const launch = actors.find(({ use }) => use.launch !== undefined)?.use.launch;
      const sidecars = actors.filter(({ use }) => use.sidecar !== undefined);
      assert.equal(sidecars.length, launch === undefined ? 0 : 1, pod.name);
      for (const { container, use } of sidecars) {
        const native = use.sidecar?.native;
        assert.equal(container.name, "oras", "the name that `kubectl logs -c` is given");
        assert.equal(native, container.restartPolicy === "Always", pod.name);
        // Nobody looks at how a native sidecar ends; a classic one that ended well is not started again.
        assert.equal(launch?.waitPush, native, pod.name);
        if (!native) assert.equal(pod.spec.restartPolicy, "Never", pod.name);
        assert.equal((use.sidecar?.pullFrom.length ?? 0) > 0, launch?.input !== undefined, pod.name);
        // The launcher's grace, and of a native sidecar the time in which a request is tried again.
        const needed = (launch?.graceSeconds ?? 0) + (native ? 120 : 0);
        assert.ok((pod.spec.terminationGracePeriodSeconds ?? 0) > needed, pod.name);
      }
    }
  });

  it("have the label by which the policies let them reach the registry that they name", () => {
    for (const { pod, actors } of casts) {
      for (const { sidecar } of actors.map(({ use }) => use)) {
        if (sidecar === undefined) continue;
        const remote = pod.labels["remote-registry"] === "true";
        const registry = remote ? "registry.example.org" : "oras-0.oras.pod-namespace.svc.cluster.local:5000";
        assert.equal(remote || pod.labels["oras-client"], remote || "true", pod.name);
        for (const reference of [...sidecar.pullFrom, ...(sidecar.pushTo === undefined ? [] : [sidecar.pushTo])])
          assert.ok(formatReference(reference).startsWith(`${registry}/`), formatReference(reference));
      }
    }
  });

  it("are those that services and policies select", () => {
    const selectors = objects.flatMap(({ kind, spec }) => {
      const { podSelector, selector } = (spec ?? {}) as {
        readonly podSelector?: { readonly matchLabels: Record<string, string> };
        readonly selector?: Record<string, string>;
      };
      return kind === "NetworkPolicy" ? [podSelector?.matchLabels] : kind === "Service" ? [selector] : [];
    });
    assert.ok(selectors.length > 0);
    for (const selector of selectors) {
      const selected = selector !== undefined && casts.some(({ pod }) => selects(selector, pod));
      assert.ok(selected, JSON.stringify(selector));
    }
  });
});

describe("the restricted profile", () => {
  const context = {
    runAsUser: 1000,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  };
  const podWith = (spec: object, security: object): Pod => ({
    name: "pod",
    labels: {},
    claims: [],
    variables: {},
    spec: {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      ...spec,
      containers: [{ name: "c", image: "i", securityContext: { ...context, ...security } }],
    },
  });

  it("is met by a pod that says all it asks for", () => {
    assert.deepEqual(restrictedViolations(podWith({ volumes: [{ name: "v", emptyDir: {} }] }, {})), []);
  });

  for (const [what, spec, security] of [
    ["c may run as root", {}, { runAsUser: 0 }],
    ["c may run as root", { securityContext: { seccompProfile: { type: "RuntimeDefault" } } }, {}],
    ["c has no system call filter", { securityContext: { runAsNonRoot: true } }, {}],
    ["c is privileged", {}, { privileged: true }],
    ["c may gain privileges", {}, { allowPrivilegeEscalation: undefined }],
    ["c keeps capabilities", {}, { capabilities: {} }],
    ["c adds capabilities", {}, { capabilities: { drop: ["ALL"], add: ["SYS_ADMIN"] } }],
    ["c may write to its root", {}, { readOnlyRootFilesystem: false }],
    ["mounts hostPath", { volumes: [{ name: "v", hostPath: { path: "/" } }] }, {}],
    ["shares a namespace of the host", { hostNetwork: true }, {}],
  ] as const) {
    it(`is not met by a pod that ${what.replace(/^c /, "")}`, () => {
      assert.deepEqual(restrictedViolations(podWith(spec, security)), [what]);
    });
  }
});
