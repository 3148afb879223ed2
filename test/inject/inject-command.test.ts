/** The command `oras-push inject`, which reads manifests and writes injected manifests. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { injectPod } from "oras-push/inject/inject-pod";
import { applyPatch } from "oras-push/inject/json-patch";
import type { PodTemplate } from "oras-push/inject/pod";
import { main } from "oras-push/main";
import { ToolError } from "shared/cli/tool-error";
import { VERSION } from "shared/cli/version";
import { parseAllDocuments, stringify } from "yaml";
import { runTool } from "../../support/tools.ts";
import { memoryRegistry, sha256 } from "../oras-push/support.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { PODS } from "./pods.ts";

const IMAGE = `oras-pod-tools:${VERSION}`;
const ANNOTATIONS = { "oras-pod-tools.dev/push-to": "example.org/a:1", "oras-pod-tools.dev/output": "/tmp/a" };
const APPLICATION = { name: "app", image: "busybox:1.37", command: ["sh", "-c", "true"] };
const TEMPLATE = {
  metadata: { annotations: ANNOTATIONS },
  spec: { restartPolicy: "Never", containers: [APPLICATION] },
};

interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly failure?: ToolError;
}

/** Runs `oras-push inject` with files. `files` maps the name of each file to its content. */
async function inject(t: TestContext, files: Readonly<Record<string, string>>, ...options: string[]): Promise<Run> {
  const folder = temporaryFolder(t);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const paths = Object.keys(files).map((name) => join(folder, name));
  const out = { stdout: "", stderr: "" };
  const io = {
    env: {},
    stdout: (text: string) => {
      out.stdout += text;
    },
    stderr: (text: string) => {
      out.stderr += text;
    },
    interrupted: () => new AbortController().signal,
  };
  try {
    await main(["inject", ...options, ...paths], io);
    return out;
  } catch (error) {
    assert.ok(error instanceof ToolError, String(error));
    return { ...out, failure: error };
  }
}

/** The objects of a YAML stream as kubectl reads them. */
function objectsIn(text: string): Record<string, unknown>[] {
  return parseAllDocuments(text, { version: "1.1" }).map((document) => document.toJS({ maxAliasCount: 100 }));
}

/** Returns an object as YAML for kubectl. Quotes texts such as `on`. */
function toYaml(object: object): string {
  return stringify(object, { version: "1.1" }) ?? "";
}

function job(parts: object = {}): object {
  return { apiVersion: "batch/v1", kind: "Job", metadata: { name: "j" }, spec: { template: TEMPLATE }, ...parts };
}

/** Returns the pod template at a path of an injected object. */
function templateAt(object: unknown, path: string): PodTemplate {
  return path
    .split(".")
    .reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], object) as PodTemplate;
}

function assertInjected({ spec, metadata }: PodTemplate): void {
  assert.equal(spec.initContainers?.at(-1)?.name, "oras");
  assert.equal(spec.containers[0]?.command?.[0], "/mnt/oras/bin/launcher");
  assert.equal(metadata?.labels?.["oras-pod-tools.dev/registry-network"], "true");
}

describe("oras-push inject", () => {
  it("gives each pod of the table what the pure function gives, in YAML and in JSON", async (t) => {
    // If a container has no command, `oras-push inject` needs the registry of the image. This test has no registry, so
    // it omits such pods. Tests further below cover them.
    for (const { name, pod, kind, why = "" } of PODS.filter((one) => one.kind !== "no-command")) {
      const result = injectPod(pod as PodTemplate, { image: IMAGE, delivery: "image-volume" });
      for (const text of [toYaml(pod), JSON.stringify(pod)]) {
        const { stdout, failure } = await inject(t, { "pod.yaml": text }, "--tools", "image-volume");
        if ("patch" in result) assert.deepEqual(objectsIn(stdout), [applyPatch(pod, result.patch)], name);
        else if (kind === "unchanged") assert.equal(stdout, text, name);
        else {
          assert.equal(stdout, "");
          assert.ok(failure?.message.endsWith(`pod.yaml: Pod ${name}: ${why}`), String(failure));
          assert.equal(failure?.exitCode, 64);
        }
      }
    }
  });

  it("changes its own output no more", async (t) => {
    const pods = PODS.filter(({ kind }) => kind === "step" || kind === "worker").map(({ pod }) => toYaml(pod));
    const once = await inject(t, { "a.yaml": pods.join("---\n") });
    assert.equal((await inject(t, { "a.yaml": once.stdout })).stdout, once.stdout);
  });

  for (const [kind, object, path] of [
    ["Job", job(), "spec.template"],
    [
      "CronJob",
      {
        apiVersion: "batch/v1",
        kind: "CronJob",
        metadata: { name: "c" },
        spec: { schedule: "0 * * * *", jobTemplate: { spec: { template: TEMPLATE } } },
      },
      "spec.jobTemplate.spec.template",
    ],
    [
      "JobSet",
      {
        apiVersion: "jobset.x-k8s.io/v1alpha2",
        kind: "JobSet",
        metadata: { name: "s" },
        spec: {
          replicatedJobs: [
            { name: "w", template: { spec: { template: { spec: TEMPLATE.spec } } } },
            { name: "l", template: { spec: { template: TEMPLATE } } },
          ],
        },
      },
      "spec.replicatedJobs.1.template.spec.template",
    ],
    [
      "List",
      { apiVersion: "v1", kind: "List", items: [{ apiVersion: "v1", kind: "Secret", metadata: { name: "x" } }, job()] },
      "items.1.spec.template",
    ],
    ["PodTemplate", { apiVersion: "v1", kind: "PodTemplate", metadata: { name: "p" }, template: TEMPLATE }, "template"],
    [
      "MPIJob",
      {
        apiVersion: "kubeflow.org/v2beta1",
        kind: "MPIJob",
        metadata: { name: "m" },
        spec: { mpiReplicaSpecs: { Launcher: { template: TEMPLATE } } },
      },
      "spec.mpiReplicaSpecs.Launcher.template",
    ],
  ] as const)
    it(`injects the pod template of a ${kind}`, async (t) => {
      const { stdout } = await inject(t, { "a.yaml": stringify(object) });
      const [written] = objectsIn(stdout);
      assertInjected(templateAt(written, path));
      if (kind === "JobSet")
        assert.deepEqual(templateAt(written, "spec.replicatedJobs.0.template.spec.template.spec"), TEMPLATE.spec);
    });

  it("applies the annotations of a Job to its pods, but prefers the annotations of the pods", async (t) => {
    const own = { "oras-pod-tools.dev/output": "/tmp/b" };
    const object = job({
      metadata: { name: "j", annotations: ANNOTATIONS },
      spec: { template: { metadata: { annotations: own }, spec: TEMPLATE.spec } },
    });
    const { stdout } = await inject(t, { "a.yaml": stringify(object) });
    const template = templateAt(objectsIn(stdout)[0], "spec.template");
    assertInjected(template);
    assert.deepEqual(template.metadata?.annotations, { ...ANNOTATIONS, ...own });
    assert.ok(template.spec.containers[0]?.command?.includes("--output=/tmp/b"));
  });

  for (const kind of ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController"])
    it(`refuses the annotated pods of a ${kind} by its name`, async (t) => {
      const object = { apiVersion: "apps/v1", kind, metadata: { name: "d" }, spec: { template: TEMPLATE } };
      const { failure, stdout } = await inject(t, { "a.yaml": stringify(object) });
      assert.match(
        failure?.message ?? "",
        new RegExp(`${kind} d: a ${kind} restarts its pods forever.*use a Job, a CronJob or a JobSet$`),
      );
      assert.equal(stdout, "");
      const plain = { ...object, spec: { template: { spec: TEMPLATE.spec } } };
      assert.equal((await inject(t, { "a.yaml": stringify(plain) })).stdout, stringify(plain));
    });

  it("does not change the status of an object", async (t) => {
    const object = {
      apiVersion: "example.org/v1",
      kind: "Run",
      metadata: { name: "r" },
      status: { template: TEMPLATE },
    };
    assert.equal((await inject(t, { "a.yaml": stringify(object) })).stdout, stringify(object));
  });

  it("keeps comments, quotes, block texts and octal numbers, and does not touch other documents", async (t) => {
    const other = "# settings\napiVersion: v1\nkind: ConfigMap\ndata: {a: yes,   b: 010} # kept\n";
    const text = `# the job\napiVersion: v1\nkind: Pod\nmetadata:\n  name: p # its name\n  annotations:\n${Object.entries(
      ANNOTATIONS,
    )
      .map(([name, value]) => `    ${name}: '${value}'\n`)
      .join(
        "",
      )}spec:\n  restartPolicy: Never\n  volumes:\n  - name: v\n    configMap: {name: x, defaultMode: 0440}\n  containers:\n  - name: app\n    image: busybox\n    # how it starts\n    command: [sh, -c]\n    args:\n    - |\n      echo 1\n      echo 2\n    - "on" # a text\n`;
    const { stdout } = await inject(t, { "a.yaml": `${other}---\n${text}` });
    assert.ok(stdout.startsWith(`${other}---\n# the job\n`));
    for (const kept of [
      "name: p # its name",
      "push-to: 'example.org/a:1'",
      "configMap: {name: x, defaultMode: 0440}",
      "# how it starts",
      "- |\n      echo 1\n      echo 2\n",
      '- "on" # a text',
    ])
      assert.ok(stdout.includes(kept), `${kept} is not in\n${stdout}`);
    const command = templateAt(objectsIn(stdout)[1], "spec.containers.0.command");
    assert.deepEqual(command, [
      "/mnt/oras/bin/launcher",
      "--wait-push",
      "--output=/tmp/a",
      "--",
      "sh",
      "-c",
      "echo 1\necho 2\n",
      "on",
    ]);
  });

  it("keeps the spaces inside of brackets", async (t) => {
    const object = stringify(job({ metadata: { name: "j", labels: {} } }));
    for (const labels of ["{a: b}", "{ a: b }"]) {
      const { stdout } = await inject(t, { "a.yaml": object.replace("labels: {}", `labels: ${labels}`) });
      assert.match(stdout, new RegExp(`^  labels: ${labels}$`, "m"));
    }
  });

  it("changes only the pod that an alias repeats", async (t) => {
    const text = `---\nkind: List\napiVersion: v1\nitems:\n- &p\n  apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n  spec: &s ${JSON.stringify(TEMPLATE.spec)}\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: b, annotations: ${JSON.stringify(ANNOTATIONS)}}\n  spec: *s\n`;
    const { stdout } = await inject(t, { "a.yaml": text });
    assert.match(stdout, /^---\n/);
    const [list] = objectsIn(stdout);
    assert.deepEqual(templateAt(list, "items.0").spec, TEMPLATE.spec);
    assertInjected(templateAt(list, "items.1"));
  });

  it("joins several files into one stream, and prints a warning for a worker", async (t) => {
    const worker = {
      ...TEMPLATE,
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "w", annotations: { ...ANNOTATIONS, "oras-pod-tools.dev/container": "x" } },
    };
    const { stdout, stderr } = await inject(t, { "a.yaml": stringify(job()), "b.json": JSON.stringify(worker) });
    assert.deepEqual(
      objectsIn(stdout).map(({ kind }) => kind),
      ["Job", "Pod"],
    );
    assert.match(stderr, /^oras-push: .*b\.json: Pod w: the pod has no container named x, so it gets no sidecar/);
  });

  it("prints only the changes with --dry-run, and nothing if there are none", async (t) => {
    const { stdout } = await inject(t, { "a.yaml": stringify(job()) }, "--dry-run");
    assert.match(stdout, /^--- .*a\.yaml\n\+\+\+ .*a\.yaml\n@@ /);
    const removed = stdout
      .split("\n")
      .slice(2)
      .filter((line) => line.startsWith("-"));
    assert.deepEqual(removed, []);
    assert.match(stdout, /^\+ +- --output=\/tmp\/a$/m);
    assert.equal((await inject(t, { "a.yaml": "kind: Secret\napiVersion: v1\n" }, "--dry-run")).stdout, "");
  });

  it("names all pods that it refuses, and writes nothing", async (t) => {
    const wrong = { ...TEMPLATE, metadata: { annotations: { "oras-pod-tools.dev/push-to": "a" } } };
    const { stdout, failure } = await inject(t, {
      "a.yaml": `${stringify(job({ spec: { template: wrong } }))}---\n${stringify(job({ metadata: { name: "k" }, spec: { template: wrong } }))}`,
    });
    assert.equal(stdout, "");
    assert.match(
      failure?.message ?? "",
      /^cannot inject .*a\.yaml: Job j: the annotation oras-pod-tools\.dev\/push-to must be REGISTRY\/REPOSITORY:TAG, not "a"$/,
    );
    assert.match(failure?.hint ?? "", /^more pods cannot be injected: .*Job k: /);
  });

  for (const [name, text, message] of [
    ["a tab in YAML", "a:\n\t- b", /^.*a\.yaml is not a valid manifest$/],
    ["a key twice", "a: 1\na: 2\n", /is not a valid manifest$/],
    ["broken JSON", "[1,", /is not a valid manifest$/],
    [
      "a boolean as annotation",
      stringify({
        ...TEMPLATE,
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "p", annotations: { ...ANNOTATIONS, "oras-pod-tools.dev/logs": true } },
      }),
      /Pod p: the value of the annotation oras-pod-tools\.dev\/logs must be a text: write it in quotes$/,
    ],
  ] as const)
    it(`exits with 64 for ${name}`, async (t) => {
      const { failure, stdout } = await inject(t, { "a.yaml": text });
      assert.match(failure?.message ?? "", message);
      assert.equal(failure?.exitCode, 64);
      assert.equal(stdout, "");
    });

  it("exits with 66 for a missing file", async (t) => {
    const { failure } = await inject(t, {}, "/nonexistent/a.yaml");
    assert.deepEqual([failure?.exitCode, failure?.message], [66, "cannot read /nonexistent/a.yaml"]);
  });

  it("reads stdin, as a built executable", async () => {
    const { startTool } = await import("../../support/tools.ts");
    const { child, ended } = startTool("oras-push", ["inject"], { stdio: ["pipe", "pipe", "pipe"] });
    child.stdin?.end(stringify(job()));
    const { code, stdout, stderr } = await ended;
    assert.deepEqual([code, stderr], [0, ""]);
    assertInjected(templateAt(objectsIn(stdout)[0], "spec.template"));
    assert.equal((await runTool("oras-push", ["inject", "--help"])).code, 0);
  });
});

describe("oras-push inject for a container without a command", () => {
  const imageConfig = { config: { Entrypoint: ["/bin/app", "--fast"], Cmd: ["default"] } };

  async function storeImage(t: TestContext, config: object, platform?: string): Promise<string> {
    const registry = await memoryRegistry(t);
    const blob = Buffer.from(JSON.stringify(config));
    registry.blobs.set(`sha256:${sha256(blob)}`, blob);
    const manifest = {
      schemaVersion: 2,
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: `sha256:${sha256(blob)}`,
        size: blob.length,
      },
      layers: [],
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    const digest = `sha256:${sha256(bytes)}`;
    const entry = {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest,
      size: bytes.length,
      platform: { os: platform, architecture: "riscv64" },
    };
    const index = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [entry] }),
    );
    const tagged =
      platform === undefined
        ? { bytes, mediaType: entry.mediaType }
        : { bytes: index, mediaType: "application/vnd.oci.image.index.v1+json" };
    registry.manifests.set(`team/app@${digest}`, { bytes, mediaType: entry.mediaType });
    registry.manifests.set("team/app:1", tagged);
    return `${registry.address}/team/app:1`;
  }

  async function commandOf(t: TestContext, image: string, parts: object = {}): Promise<readonly string[] | undefined> {
    const pod = {
      ...TEMPLATE,
      apiVersion: "v1",
      kind: "Pod",
      spec: { restartPolicy: "Never", containers: [{ name: "app", image, ...parts }] },
    };
    const { stdout, failure } = await inject(t, { "a.yaml": stringify(pod) }, "--retry-for", "0");
    if (failure !== undefined) throw failure;
    const { command, args } = templateAt(objectsIn(stdout)[0], "spec.containers.0") as unknown as {
      command: string[];
      args?: string[];
    };
    assert.equal(args, undefined);
    return command.slice(command.indexOf("--") + 1);
  }

  it("reads the entrypoint and the default arguments from the image's registry", async (t) => {
    assert.deepEqual(await commandOf(t, await storeImage(t, imageConfig)), ["/bin/app", "--fast", "default"]);
  });

  it("keeps the container's own arguments instead of the default arguments", async (t) => {
    assert.deepEqual(await commandOf(t, await storeImage(t, imageConfig), { args: ["mine"] }), [
      "/bin/app",
      "--fast",
      "mine",
    ]);
  });

  it("chooses the image for Linux in an index", async (t) => {
    assert.deepEqual(await commandOf(t, await storeImage(t, imageConfig, "linux")), ["/bin/app", "--fast", "default"]);
    await assert.rejects(commandOf(t, await storeImage(t, imageConfig, "windows")), /cannot read the image/);
  });

  it("refuses an image without an entrypoint, and an image that does not exist", async (t) => {
    const image = await storeImage(t, { config: {} });
    await assert.rejects(commandOf(t, image), /Pod: the container app has no command: write its command/);
    await assert.rejects(commandOf(t, image.replace("team/app", "team/other")), { code: "noInput" });
  });
});
