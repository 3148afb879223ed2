/** The admission policies give the same pods as the pure function, in a real API server. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { injectPod } from "oras-push/inject/inject-pod";
import { applyPatch } from "oras-push/inject/json-patch";
import type { PodTemplate } from "oras-push/inject/pod";
import type { InjectionSettings } from "oras-push/inject/settings";
import { VERSION } from "shared/cli/version";
import { parseAllDocuments } from "yaml";
import { NAMESPACE_LABEL } from "../../scripts/policies/policies.ts";
import { POLICIES, policiesFile } from "../../scripts/policies.ts";
import { ROOT } from "../../support/paths.ts";
import { API_SERVER_SKIP, type ApiServer, startApiServer } from "../support/api-server/api-server.ts";
import { assertInjected, comparablePod, dryRunPod } from "../support/api-server/injected-pods.ts";
import { kustomize } from "../support/kubernetes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { PODS, type TestPod } from "./pods.ts";

const SETTINGS: InjectionSettings = { image: `oras-pod-tools:${VERSION}`, delivery: "image-volume" };
const INJECTED = "injected";
const PLAIN = "plain";

interface Policy {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly validationActions?: readonly string[] };
}

it("the committed policies are those that the sources generate", () => {
  assert.equal(policiesText(), policiesFile(), "run `pnpm write-docs`");
});

function policiesText(): string {
  return readFileSync(join(ROOT, POLICIES), "utf8");
}

function policyObjects(text: string): Policy[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Policy);
}

function injected(pod: TestPod): TestPod {
  const result = injectPod(pod as PodTemplate, SETTINGS);
  return "patch" in result ? applyPatch(pod, result.patch) : pod;
}

/** The path in the API for policies or bindings of this kind. */
function policyPath(kind: string): string {
  const plural = kind
    .replace(/y$/, "ies")
    .replace(/Binding$/, "Bindings")
    .toLowerCase();
  return `/apis/admissionregistration.k8s.io/v1/${plural}`;
}

function merge(a: object, b: object): object {
  return { ...a, ...b };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The annotations of the template at a path of an object. */
function annotationsAt(object: unknown, path: string): unknown {
  const template = path.split(".").reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], object);
  return (template as PodTemplate).metadata?.annotations;
}

describe("the admission policies in an API server", { skip: API_SERVER_SKIP, timeout: 300_000 }, () => {
  const folder = temporaryFolder({ after });
  let server: ApiServer;

  after(() => server?.stop());

  before(async () => {
    server = await startApiServer(folder);
    await server.createNamespace(PLAIN);
    await server.createNamespace(INJECTED, NAMESPACE_LABEL);
    for (const policy of policyObjects(policiesText())) await server.client.create(policyPath(policy.kind), policy);
    // A policy takes effect only some time after its creation.
    for (const name of ["no-registry", "lammps-worker", "shortest"]) await untilActive(name);
  });

  async function untilActive(name: string): Promise<void> {
    const { pod, kind } = caseNamed(name);
    for (let attempt = 0; attempt < 100; attempt++) {
      const { status, warnings, body } = await dryRunPod(server.client, INJECTED, pod);
      const isActive = {
        refused: status !== 201,
        worker: warnings.length > 0,
        step: /oras-tools/.test(JSON.stringify(body.spec)),
      };
      if (isActive[kind as keyof typeof isActive]) return;
      await sleep(200);
    }
    throw new Error(`the policies have no effect on ${name} after 20 s`);
  }

  function caseNamed(name: string) {
    const found = PODS.find((one) => one.name === name);
    assert.ok(found);
    return found;
  }

  for (const { name, pod, kind, why, warnings: expected = [] } of PODS)
    it(`agree with the pure function about ${name}: ${kind}`, async () => {
      const answer = await dryRunPod(server.client, INJECTED, pod);
      const { status, body } = answer;
      if (kind === "refused" || kind === "no-command") {
        assert.equal(status, 403, JSON.stringify(body));
        assert.ok(body.message?.endsWith(`denied request: oras-pod-tools: ${why}`), String(body.message));
        return;
      }
      await assertInjected(server.client, answer, PLAIN, { pod: injected(pod), starts: expected });
    });

  for (const { name, pod, kind } of PODS.filter(({ kind }) => kind === "step" || kind === "worker"))
    it(`change no more what they made of ${name}: ${kind}`, async () => {
      const { body } = await dryRunPod(server.client, INJECTED, pod);
      const { metadata, spec } = body as unknown as TestPod;
      const { labels = {}, annotations = {} } = metadata;
      const again = { ...pod, metadata: { name: "again", labels, annotations }, spec };
      const second = await dryRunPod(server.client, INJECTED, again);
      assert.deepEqual(comparablePod(second.body), comparablePod(body));
    });

  it("leave a pod without annotations as it is, byte for byte", async () => {
    for (const name of ["plain", "other-annotations"]) {
      const texts = [];
      for (const namespace of [INJECTED, PLAIN]) {
        const { status, body } = await dryRunPod(server.client, namespace, caseNamed(name).pod);
        assert.equal(status, 201);
        // The namespaces, the UIDs, the times and the names of the tokens' volumes differ between pods.
        const own = new RegExp(
          `"(${INJECTED}|${PLAIN}|[0-9a-f-]{36}|[0-9-]+T[0-9:]+Z|kube-api-access-[a-z0-9]{5})"`,
          "g",
        );
        texts.push(JSON.stringify(body).replaceAll(own, '"..."'));
      }
      assert.equal(texts[0], texts[1]);
    }
  });

  for (const [kind, wrap, path] of [
    ["Job", (job: object) => job, "spec.template"],
    [
      "CronJob",
      (job: object) => ({ spec: { schedule: "0 * * * *", jobTemplate: job } }),
      "spec.jobTemplate.spec.template",
    ],
  ] as const) {
    const { annotations = {} } = PODS.find(({ name }) => name === "shortest")?.pod.metadata ?? {};
    const template = {
      spec: { restartPolicy: "Never", containers: [{ name: "app", image: "busybox", command: ["true"] }] },
    };
    const create = (name: string, job: { readonly metadata?: object; readonly spec: object }) =>
      server.client.send("POST", `/apis/batch/v1/namespaces/${INJECTED}/${kind.toLowerCase()}s?dryRun=All`, {
        apiVersion: "batch/v1",
        kind,
        ...wrap({ ...job, metadata: { ...job.metadata, name } }),
        ...(kind === "CronJob" ? { metadata: { name } } : {}),
      });

    it(`copy the annotations of a ${kind} to its template, and keep those of the template`, async () => {
      const own = { "oras.converged-computing.github.io/output-path": "/own" };
      const job = { metadata: { annotations: { ...annotations, "example.org/other": "x" } }, spec: { template } };
      const { body } = await create("a", job);
      assert.deepEqual(annotationsAt(body, path), annotations);
      const kept = await create("b", { ...job, spec: { template: { ...template, metadata: { annotations: own } } } });
      assert.deepEqual(annotationsAt(kept.body, path), { ...annotations, ...own });
      const plain = await create("c", { spec: { template } });
      assert.equal(annotationsAt(plain.body, path), undefined);
    });

    it(`refuse a ${kind} whose pods they would refuse`, async () => {
      const wrong = { ...annotations, "oras.converged-computing.github.io/container": "Wrong" };
      const { status, body } = await create("d", {
        spec: { template: { ...template, metadata: { annotations: wrong } } },
      });
      assert.equal(status, 403);
      assert.match(
        body.message ?? "",
        /oras-pod-tools: the annotation .*container must be the name of a container, not "Wrong"$/,
      );
    });
  }

  for (const kind of ["Deployment", "StatefulSet", "DaemonSet"])
    it(`refuse an annotated ${kind} by its name`, async () => {
      const labels = { app: "x" };
      const spec = { containers: [{ name: "app", image: "busybox", command: ["true"] }] };
      const create = (annotations: object) =>
        server.client.send("POST", `/apis/apps/v1/namespaces/${INJECTED}/${kind.toLowerCase()}s?dryRun=All`, {
          apiVersion: "apps/v1",
          kind,
          metadata: { name: "x" },
          spec: { selector: { matchLabels: labels }, template: { metadata: { labels, annotations }, spec } },
        });
      const { status, body } = await create({ "oras-pod-tools.dev/logs": "true" });
      assert.equal(status, 403);
      assert.match(body.message ?? "", new RegExp(`oras-pod-tools: a ${kind} restarts its pods forever`));
      assert.equal((await create({})).status, 201);
    });

  it("lose no pod while newer policies replace them", async () => {
    const [step, refused] = [caseNamed("shortest").pod, caseNamed("no-registry").pod];
    const newer = (round: number) => policiesText().replace(`oras-pod-tools:${VERSION}`, `oras-pod-tools:${round}`);
    let replacing = true;
    const replace = async () => {
      for (let round = 1; round <= 5; round++) {
        for (const policy of policyObjects(newer(round))) await replacePolicy(policy);
        await sleep(100);
      }
      replacing = false;
    };
    const images = new Set<string>();
    const createPods = async () => {
      for (let attempt = 0; replacing || !images.has("oras-pod-tools:5"); attempt++) {
        assert.ok(attempt < 2000, [...images].join());
        const { body } = await dryRunPod(server.client, INJECTED, step);
        images.add(/"reference":"(oras-pod-tools:[^"]+)"/.exec(JSON.stringify(body.spec))?.[1] ?? "none");
        assert.equal((await dryRunPod(server.client, INJECTED, refused)).status, 403);
      }
    };
    await Promise.all([createPods(), replace()]);
    assert.ok(!images.has("none") && images.size > 1, [...images].join());
    for (const policy of policyObjects(policiesText())) await replacePolicy(policy);
  });

  async function replacePolicy(policy: Policy): Promise<void> {
    const path = `${policyPath(policy.kind)}/${policy.metadata.name}`;
    const { body } = await server.client.send("GET", path);
    const { status, body: answer } = await server.client.send("PUT", path, merge(body, { spec: policy.spec }));
    assert.equal(status, 200, String(answer.message));
  }

  /**
   * Creates a pod in pairs: once with and once without the policies. Returns two medians in milliseconds: `without` is
   * the duration without the policies, and `added` is the difference between the two durations of a pair. The creations
   * of a pair follow each other directly, so the machine is about equally busy during both.
   */
  async function addedLatency(pod: TestPod, creations: number) {
    const [differences, without]: [number[], number[]] = [[], []];
    const duration = async (namespace: string) => {
      const started = performance.now();
      await dryRunPod(server.client, namespace, pod);
      return performance.now() - started;
    };
    for (let index = 0; index < creations; index++) {
      const first = await duration(index % 2 === 0 ? INJECTED : PLAIN);
      const second = await duration(index % 2 === 0 ? PLAIN : INJECTED);
      const [injected, plain] = index % 2 === 0 ? [first, second] : [second, first];
      differences.push(injected - plain);
      without.push(plain);
    }
    return { added: median(differences), without: median(without) };
  }

  it("add less than 5 ms to the creation of a pod, in the median of 1,000 creations", async (t) => {
    for (const [name, creations, limit] of [
      ["shortest", 1000, 5],
      ["plain", 300, 2],
    ] as const) {
      const { added, without } = await addedLatency(caseNamed(name).pod, creations);
      t.diagnostic(`${name}: the policies add ${added.toFixed(2)} ms to ${without.toFixed(2)} ms, in the median`);
      // If the machine is not busy, the creation of a pod without the policies takes about 2 ms. If it takes more than
      // 3 ms, the machine is busy, and all times are longer. In this case, the limit grows with `without`.
      const busy = Math.max(1, without / 3);
      assert.ok(added < limit * busy, `${name}: ${added} ms`);
    }
  });

  it("leave a pod in another namespace as it is", async () => {
    const { pod } = caseNamed("shortest");
    const { body } = await dryRunPod(server.client, PLAIN, pod);
    assert.doesNotMatch(JSON.stringify(body.spec), /oras-tools/);
  });

  it("act in all namespaces except kube-system and excluded ones, with injection-all-namespaces", async () => {
    const { text } = await kustomize("injection-all-namespaces");
    for (const policy of policyObjects(text)) await replacePolicy(policy);
    await server.createNamespace("excluded", { "oras-pod-tools.dev/injection": "disabled" });
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } };
    await server.client.create("/api/v1/namespaces/kube-system/serviceaccounts", account);
    const isInjected = async (namespace: string) => {
      const { status, body } = await dryRunPod(server.client, namespace, caseNamed("shortest").pod);
      assert.equal(status, 201, String(body.message));
      return /oras-tools/.test(JSON.stringify(body.spec));
    };
    for (let attempt = 0; !(await isInjected(PLAIN)); attempt++) {
      assert.ok(attempt < 100);
      await sleep(200);
    }
    assert.equal(await isInjected("excluded"), false);
    assert.equal(await isInjected("kube-system"), false);
  });

  it("have no effect on later pods after their deletion", async () => {
    for (const kind of ["MutatingAdmissionPolicy", "ValidatingAdmissionPolicy"])
      for (const path of [`${policyPath(`${kind}Binding`)}`, policyPath(kind)])
        await server.client.send("DELETE", path);
    const { pod } = caseNamed("no-registry");
    for (let attempt = 0; (await dryRunPod(server.client, INJECTED, pod)).status !== 201; attempt++) {
      assert.ok(attempt < 100);
      await sleep(200);
    }
  });
});
