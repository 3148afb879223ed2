/** The pure function that injects the launcher and the sidecar into annotated pods. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { USAGE as LAUNCHER_USAGE } from "launcher/usage";
import { ANNOTATIONS, addsUp, setSame } from "oras-push/inject/annotations";
import { type Injection, injectPod } from "oras-push/inject/inject-pod";
import { applyPatch } from "oras-push/inject/json-patch";
import { MESSAGES } from "oras-push/inject/messages";
import { OPTIONS_WITHOUT_ANNOTATION } from "oras-push/inject/options-without-annotation";
import { NETWORK_LABEL } from "oras-push/inject/parts";
import type { Container, PodTemplate } from "oras-push/inject/pod";
import type { InjectionSettings } from "oras-push/inject/settings";
import { VALUE_TYPES } from "oras-push/inject/value-types";
import { SIDECAR_USAGE } from "oras-push/options/sidecar-usage";
import type { OptionSpec, OptionSpecs } from "shared/cli/option-specs";
import { COMMON_OPTIONS } from "shared/cli/option-specs";
import { KUBERNETES_SKIP, validate } from "../support/kubernetes.ts";
import { restrictedViolations } from "../support/pod-security.ts";
import { containersOf, podsOf } from "../support/pod-spec.ts";
import { parseToolUse } from "../support/tool-use.ts";
import { PODS, type PodCase, type TestPod } from "./pods.ts";

const IMAGE = "example.org/oras-pod-tools:1";
const IMAGE_VOLUME: InjectionSettings = { image: IMAGE, delivery: "image-volume" };
const INSTALL: InjectionSettings = { image: IMAGE, delivery: "install" };

/** Applies an injection to a pod of the table. */
function injected(pod: TestPod, settings: InjectionSettings): TestPod {
  const result = injectPod(pod as PodTemplate, settings);
  return "patch" in result ? applyPatch(pod, result.patch) : pod;
}

/** The value at a path such as `spec.containers.0.command`. */
function valueAt(object: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], object);
}

/** Returns the application's container after an injection. This container starts the launcher. */
function application({ spec }: PodTemplate): Container {
  const found = spec.containers.find(({ command }) => command?.[0]?.endsWith("/launcher"));
  assert.ok(found, "no container starts the launcher");
  return found;
}

function checkStep(pod: TestPod, { launcher, command, sidecar, values = {} }: PodCase): void {
  const template = pod as unknown as PodTemplate;
  const words = application(template).command ?? [];
  const dashes = words.indexOf("--");
  assert.deepEqual(words.slice(0, 2), ["/opt/oras-pod-tools/launcher", "--wait-push"]);
  assert.deepEqual(words.slice(2, dashes), launcher);
  if (command !== undefined) assert.deepEqual(words.slice(dashes + 1), command);
  const [first] = template.spec.initContainers ?? [];
  assert.deepEqual(first?.command?.slice(0, 3), ["oras-push", "sidecar", "--native"]);
  assert.deepEqual(first?.command?.slice(3), sidecar);
  for (const [path, value] of Object.entries(values)) assert.deepEqual(valueAt(pod, path), value, path);
}

function warningsOf(result: Injection): readonly string[] {
  return "warnings" in result ? result.warnings : [];
}

const STEPS = PODS.filter(({ kind }) => kind === "step");

it("the table has at least 60 pods, and their names differ", () => {
  assert.ok(PODS.length >= 60, String(PODS.length));
  assert.equal(new Set(PODS.map(({ name }) => name)).size, PODS.length);
});

it("the table has a pod for each sentence that the policies can print, and for each annotation", () => {
  const texts = PODS.map(({ why = "", warnings = [] }) => [why, ...warnings].join("\n")).join("\n");
  // The message `controller` is about objects such as Deployments, and the message `unquoted` is about YAML. No pod of
  // the table causes these messages.
  const elsewhere = ["controller", "unquoted"];
  for (const [name, sentence] of Object.entries(MESSAGES)) {
    const start = sentence.split("{")[0] ?? "";
    if (!elsewhere.includes(name)) assert.ok(texts.includes(start.length > 4 ? start : sentence.slice(-20)), name);
  }
  const used = new Set(PODS.flatMap(({ pod }) => Object.keys(pod.metadata.annotations ?? {})));
  for (const { name } of ANNOTATIONS) if (!/dev\/(debug|output-pipe)$/.test(name)) assert.ok(used.has(name), name);
});

describe("injectPod", () => {
  for (const expected of PODS)
    it(`makes the right decision about ${expected.name}: ${expected.kind}`, () => {
      const result = injectPod(expected.pod as PodTemplate, IMAGE_VOLUME);
      assert.equal(result.kind, expected.kind, "why" in result ? result.why : "");
      assert.equal("why" in result ? result.why : undefined, expected.why);
      const warnings = warningsOf(result);
      assert.equal(warnings.length, expected.warnings?.length ?? 0);
      for (const [index, start] of (expected.warnings ?? []).entries()) assert.ok(warnings[index]?.startsWith(start));
      const pod = injected(expected.pod, IMAGE_VOLUME);
      if (expected.kind === "step") checkStep(pod, expected);
      else
        for (const [path, value] of Object.entries(expected.values ?? {})) assert.deepEqual(valueAt(pod, path), value);
      if ("patch" in result) assert.equal(pod.metadata.labels?.[NETWORK_LABEL.name], NETWORK_LABEL.value);
      else assert.deepEqual(pod, expected.pod);
    });

  for (const settings of [IMAGE_VOLUME, INSTALL]) {
    it(`changes an injected pod no more: ${settings.delivery}`, () => {
      for (const { name, pod } of PODS) {
        const once = injected(pod, settings);
        assert.deepEqual(injected(once, settings), once, name);
      }
    });

    it(`writes command lines that both tools accept: ${settings.delivery}`, async () => {
      for (const { name, pod } of STEPS) {
        const [checked] = podsOf(injected(pod, settings) as never);
        assert.ok(checked !== undefined);
        const uses = await Promise.all(containersOf(checked).map((container) => parseToolUse(container, checked)));
        assert.equal(uses.filter(({ launch }) => launch !== undefined).length, 1, name);
        assert.equal(uses.filter(({ sidecar }) => sidecar !== undefined).length, 1, name);
      }
    });

    it(`gives the injected containers all that the profile restricted requires: ${settings.delivery}`, () => {
      for (const { name, pod } of STEPS) {
        const [checked] = podsOf(injected(pod, settings) as never);
        const own = (checked?.spec.initContainers ?? []).filter((container) => container.name.startsWith("oras"));
        assert.ok(own.length > 0 && checked !== undefined);
        assert.deepEqual(
          restrictedViolations({ ...checked, spec: { ...checked.spec, initContainers: own, containers: [] } }),
          [],
          name,
        );
      }
    });

    it(`makes pods that the schemas of Kubernetes accept: ${settings.delivery}`, {
      skip: KUBERNETES_SKIP,
    }, async () => {
      const folder = settings.delivery === "image-volume" ? "image-volume" : "pod";
      // In the oldest supported version of Kubernetes, a pod has no field `resources`.
      const pods = STEPS.filter(({ pod }) => settings.delivery === "image-volume" || !("resources" in pod.spec));
      const manifests = pods.map(({ pod }) => ({
        name: `${folder}/${pod.metadata.name}`,
        text: JSON.stringify(injected(pod, settings)),
      }));
      const validated = await validate(manifests);
      assert.deepEqual(
        validated.flat().flatMap(({ errors }) => errors),
        [],
      );
      assert.equal(validated.length, pods.length);
    });
  }

  it("installs the tools with an init container if there is no image volume", () => {
    const [first] = STEPS;
    const { spec } = injected(first?.pod as TestPod, INSTALL) as unknown as PodTemplate;
    const [install, sidecar] = spec.initContainers ?? [];
    assert.deepEqual([install?.name, sidecar?.name], ["oras-install", "oras"]);
    assert.deepEqual(install?.command, ["launcher", "--install", "/mnt/oras/bin"]);
    assert.equal(application({ spec }).command?.[0], "/mnt/oras/bin/launcher");
    assert.ok(!spec.volumes?.some((volume) => "image" in volume));
  });

  it("does not change its argument", () => {
    for (const { pod } of STEPS) {
      const before = structuredClone(pod);
      injected(pod, IMAGE_VOLUME);
      assert.deepEqual(pod, before);
    }
  });
});

describe("the table of annotations", () => {
  const options = { launcher: LAUNCHER_USAGE.options, sidecar: SIDECAR_USAGE.options } as const;

  for (const tool of ["launcher", "sidecar"] as const)
    it(`sets each option of the ${tool}, or docs/annotations.md says why not`, () => {
      const own = ANNOTATIONS.flatMap(({ sets }) =>
        typeof sets === "string" || !sets.tools.includes(tool) ? [] : [sets.option],
      );
      const specs: OptionSpecs = { ...options[tool], debug: COMMON_OPTIONS.debug };
      const expected = Object.keys(specs).filter((name) => !Object.hasOwn(OPTIONS_WITHOUT_ANNOTATION[tool], name));
      assert.deepEqual([...new Set(own)].sort(), expected.sort());
      for (const name of Object.keys(OPTIONS_WITHOUT_ANNOTATION[tool])) assert.ok(Object.hasOwn(specs, name), name);
    });

  it("has the type of each option, and its choices and its default", () => {
    for (const { name, type, sets, default: shown } of ANNOTATIONS) {
      if (typeof sets === "string") continue;
      const specs: OptionSpecs = {
        ...COMMON_OPTIONS,
        ...(sets.tools.includes("launcher") ? options.launcher : options.sidecar),
      };
      const spec = specs[sets.option] as OptionSpec;
      assert.equal(type === "flag", spec.type === "flag", name);
      assert.equal(["seconds", "count", "tagCount", "level"].includes(type), spec.type === "number", name);
      if (name.startsWith("oras-pod-tools.dev/")) assert.equal("list" in VALUE_TYPES[type], spec.type === "list", name);
      if ("default" in spec && spec.default !== undefined) assert.equal(shown, String(spec.default), name);
      if ("choices" in spec)
        for (const choice of spec.choices ?? []) assert.match(choice, new RegExp(VALUE_TYPES[type].pattern));
    }
  });

  it("lets two annotations set the same single value only if they exclude each other", () => {
    const pairs = ANNOTATIONS.flatMap((a, index) => ANNOTATIONS.slice(index + 1).map((b) => [a, b] as const));
    const same = pairs.filter(([a, b]) => setSame(a, b) && !addsUp(a));
    assert.ok(same.length >= 7);
    for (const [first, second] of same) {
      const annotations = { [first.name]: "true", [second.name]: "true" };
      const result = injectPod({ metadata: { annotations }, spec: { containers: [{ name: "a" }] } }, INSTALL);
      assert.equal(result.kind, "refused");
    }
  });
});
