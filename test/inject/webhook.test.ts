/**
 * The webhook with a real API server. The webhook must give the same pods as the pure function. Other tests in this
 * file check the limits, the certificate and the end of the webhook.
 */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { injectPod } from "oras-push/inject/inject-pod";
import { applyPatch } from "oras-push/inject/json-patch";
import type { PodTemplate } from "oras-push/inject/pod";
import type { InjectionSettings } from "oras-push/inject/settings";
import { decide, parseReview, reviewResponse } from "oras-push/inject/webhook/admission-review";
import { parseDocument } from "yaml";
import { freePort } from "../../support/registry/process-registry.ts";
import { type RunningProcess, startTool } from "../../support/tools.ts";
import { API_SERVER_SKIP, type ApiServer, startApiServer } from "../support/api-server/api-server.ts";
import { assertInjected, dryRunPod } from "../support/api-server/injected-pods.ts";
import { MANIFESTS } from "../support/kubernetes.ts";
import { type Authority, makeAuthority } from "../support/registry/certificates.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { PODS, type TestPod } from "./pods.ts";

const IMAGE = "example.org/tools:1";
const SETTINGS: InjectionSettings = { image: IMAGE, delivery: "image-volume" };
const OPERATOR = "oras.converged-computing.github.io/";

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A running webhook. */
interface Webhook {
  readonly port: number;
  readonly authority: Authority;
  readonly process: RunningProcess;
  /** Replaces the certificate. */
  install(name: string): void;
}

async function startWebhook(folder: string, ...options: string[]): Promise<Webhook> {
  const authority = makeAuthority(join(folder, "authority"));
  const tls = join(folder, "tls");
  mkdirSync(tls);
  const install = (name: string) => {
    const { certificate, key } = authority.issue(name);
    copyFileSync(key, join(tls, "tls.key"));
    copyFileSync(certificate, join(tls, "tls.crt"));
  };
  install("first");
  const port = await freePort();
  const args = ["inject", "--webhook", "--listen", `127.0.0.1:${port}`, "--tls-dir", tls, "--image", IMAGE, ...options];
  const webhook = { port, authority, process: startTool("oras-push", args), install };
  for (let attempt = 0; attempt < 100; attempt++) {
    if ((await send(webhook, "GET", "/readyz").catch(() => undefined))?.status === 200) return webhook;
    await sleep(100);
  }
  throw new Error("the webhook is not ready after 10 s");
}

function send({ port, authority }: Webhook, method: string, path: string, body = ""): Promise<Answer> {
  const ca = readFileSync(authority.certificate);
  const headers = { "content-length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, method, ca, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

function review(object: object, uid = "1"): string {
  return JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: { uid, object } });
}

function podNamed(name: string): TestPod {
  const found = PODS.find((one) => one.name === name);
  assert.ok(found);
  return found.pod;
}

function injected(pod: TestPod): TestPod {
  const result = injectPod(pod as PodTemplate, SETTINGS);
  return "patch" in result ? applyPatch(pod, result.patch) : pod;
}

describe("an admission review", () => {
  it("is read with its UID and its object", () => {
    assert.deepEqual(parseReview(review({ a: 1 }, "x")), { uid: "x", object: { a: 1 } });
  });

  for (const body of [
    "",
    "[]",
    "{}",
    "null",
    review({}).replace("/v1", "/v1beta1"),
    '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}',
  ])
    it(`is refused if it is ${body.slice(0, 60) || "empty"}`, () => {
      assert.equal(parseReview(body), undefined);
    });

  it("is answered with a patch in base64", () => {
    const decision = decide(podNamed("shortest"), SETTINGS);
    const { response } = JSON.parse(reviewResponse("u", decision));
    assert.deepEqual([response.uid, response.allowed, response.patchType], ["u", true, "JSONPatch"]);
    const patch = JSON.parse(Buffer.from(response.patch, "base64").toString());
    assert.deepEqual(applyPatch(podNamed("shortest"), patch), injected(podNamed("shortest")));
  });

  it("passes the annotations of a Job to its template, and injects only pods", () => {
    const { metadata, spec } = podNamed("shortest");
    const job = { apiVersion: "batch/v1", kind: "Job", metadata, spec: { template: { spec } } };
    const { patch, refusal } = decide(job, SETTINGS);
    assert.equal(refusal, undefined);
    assert.deepEqual(applyPatch(job, patch), {
      ...job,
      spec: { template: { metadata: { annotations: metadata.annotations }, spec } },
    });
  });
});

describe("oras-push inject --webhook", { timeout: 120_000 }, () => {
  const folder = temporaryFolder({ after });
  let webhook: Webhook;

  before(async () => {
    webhook = await startWebhook(folder, "--tools", "image-volume");
  });
  after(async () => {
    webhook?.process.child.kill("SIGKILL");
    await webhook?.process.ended;
  });

  for (const [method, path, body, status] of [
    ["GET", "/livez", "", 200],
    ["GET", "/readyz", "", 200],
    ["GET", "/other", "", 404],
    ["GET", "/inject", "", 405],
    ["POST", "/inject", "{}", 400],
    ["POST", "/inject", review(podNamed("shortest")), 200],
    ["POST", "/inject", review({ text: "x".repeat(3 << 20) }), 200],
    ["POST", "/inject", review({ text: "x".repeat(4 << 20) }), 413],
  ] as const)
    it(`answers ${method} ${path} with ${body.length} bytes with the status ${status}`, async () => {
      assert.equal((await send(webhook, method, path, body)).status, status);
    });

  it("closes a connection that sends its request too slowly", async () => {
    const ca = readFileSync(webhook.authority.certificate);
    const socket = connect({ host: "127.0.0.1", port: webhook.port, ca, servername: "localhost" });
    const started = performance.now();
    socket.on("error", () => {});
    socket.write("POST /inject HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{");
    await new Promise((resolve) => socket.on("close", resolve).resume());
    assert.ok(performance.now() - started < 15_000);
    assert.equal((await send(webhook, "GET", "/livez")).status, 200);
  });

  it("stays below the memory limit of its Deployment while many large objects arrive", async (t) => {
    const manifest = readFileSync(join(MANIFESTS, "injection-webhook", "deployment.yaml"), "utf8");
    const limit = Number(/limits: \{ memory: (\d+)Mi \}/.exec(manifest)?.[1]);
    const pod = podNamed("shortest");
    // The API server accepts objects of at most 3 MiB. This pod is almost as large.
    const large = { ...pod, metadata: { ...pod.metadata, labels: { large: "x".repeat(3e6) } } };
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => send(webhook, "POST", "/inject", review(large)).catch(() => undefined)),
    );
    assert.ok(answers.filter((answer) => answer?.status === 200).length >= 20, "too few answers");
    const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${webhook.process.pid}/status`, "utf8"))?.[1]) / 1024;
    t.diagnostic(`at most ${peak.toFixed(0)} of ${limit} MiB`);
    assert.ok(peak < limit, `${peak} of ${limit} MiB`);
  });

  it("uses a new certificate without a restart, and keeps the old one if the new one is invalid", async () => {
    const subject = () =>
      new Promise<string>((resolve, reject) => {
        const ca = readFileSync(webhook.authority.certificate);
        const socket = connect({ host: "127.0.0.1", port: webhook.port, ca, servername: "localhost" }, () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        });
        socket.on("error", reject);
      });
    assert.equal(await subject(), "first");
    // A program that overwrites the file makes the file empty before it writes the new content.
    for (const invalid of ["broken", ""]) {
      writeFileSync(join(folder, "tls", "tls.crt"), invalid);
      await sleep(6000);
      assert.equal(await subject(), "first");
    }
    webhook.install("second");
    for (let attempt = 0; (await subject()) !== "second"; attempt++) {
      assert.ok(attempt < 100, "the new certificate is not used after 20 s");
      await sleep(200);
    }
  });

  it("answers after SIGTERM, is not ready, and then exits with 0", async () => {
    webhook.process.child.kill("SIGTERM");
    await sleep(500);
    assert.equal((await send(webhook, "GET", "/readyz")).status, 503);
    assert.equal((await send(webhook, "POST", "/inject", review(podNamed("shortest")))).status, 200);
    const { code, stderr } = await webhook.process.ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /the webhook listens on 127\.0\.0\.1:\d+\n/);
    assert.match(stderr, /cannot use the certificate in .*; the last valid certificate stays in use\n/);
    assert.match(stderr, /the certificate changed, and the webhook uses the new one\n/);
  });

  it("exits with 66 without a certificate, and with 64 for a wrong address", async () => {
    const missing = await startTool("oras-push", [
      "inject",
      "--webhook",
      "--listen",
      "127.0.0.1:1",
      "--tls-dir",
      "/nonexistent",
    ]).ended;
    assert.equal(missing.code, 66, missing.stderr);
    assert.match(
      missing.stderr,
      /cannot use the certificate in \/nonexistent .*\nhint: expected the files tls\.crt and tls\.key/,
    );
    for (const listen of ["8443", "host:99999", "a:b:1"])
      assert.equal((await startTool("oras-push", ["inject", "--webhook", "--listen", listen]).ended).code, 64, listen);
  });
});

describe("the webhook in an API server", { skip: API_SERVER_SKIP, timeout: 300_000 }, () => {
  const folder = temporaryFolder({ after });
  let server: ApiServer;
  let webhook: Webhook;

  before(async () => {
    webhook = await startWebhook(folder, "--tools", "image-volume");
    const serverFolder = join(folder, "server");
    mkdirSync(serverFolder);
    server = await startApiServer(serverFolder);
    await server.createNamespace("plain");
    await server.createNamespace("injected", { "oras-pod-tools.dev/injection": "enabled" });
    const { webhooks, ...rest } = parseDocument(
      readFileSync(join(MANIFESTS, "injection-webhook", "webhook.yaml"), "utf8"),
    ).toJS();
    const clientConfig = {
      url: `https://127.0.0.1:${webhook.port}/inject`,
      caBundle: readFileSync(webhook.authority.certificate).toString("base64"),
    };
    const configuration = { ...rest, webhooks: webhooks.map((one: object) => ({ ...one, clientConfig })) };
    await server.client.create("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", configuration);
    for (
      let attempt = 0;
      (await dryRunPod(server.client, "injected", podNamed("no-registry"))).status === 201;
      attempt++
    ) {
      assert.ok(attempt < 100, "the webhook has no effect after 20 s");
      await sleep(200);
    }
  });
  after(async () => {
    await server?.stop();
    webhook?.process.child.kill("SIGKILL");
    await webhook?.process.ended;
  });

  for (const { name, pod, kind, why, warnings: expected = [] } of PODS)
    it(`agrees with the pure function about ${name}: ${kind}`, async () => {
      const answer = await dryRunPod(server.client, "injected", pod);
      const { status, body } = answer;
      if (kind === "refused" || kind === "no-command") {
        assert.equal(status, 403, JSON.stringify(body));
        assert.ok(body.message?.endsWith(`denied the request: oras-pod-tools: ${why}`), String(body.message));
        return;
      }
      await assertInjected(server.client, answer, "plain", { pod: injected(pod), starts: expected });
    });

  it("refuses an annotated Deployment and a wrong CronJob, and is not called for other objects", async () => {
    const labels = { app: "x" };
    const spec = { restartPolicy: "Always", containers: [{ name: "app", image: "busybox", command: ["true"] }] };
    const deployment = (annotations: object) => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "x" },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels, annotations }, spec } },
    });
    const path = "/apis/apps/v1/namespaces/injected/deployments?dryRun=All";
    const { body } = await server.client.send("POST", path, deployment({ [`${OPERATOR}debug`]: "true" }));
    assert.match(body.message ?? "", /oras-pod-tools: a Deployment restarts its pods forever/);
    const template = {
      metadata: { annotations: { [`${OPERATOR}debug`]: "x" } },
      spec: { ...spec, restartPolicy: "Never" },
    };
    const cronJob = {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name: "x" },
      spec: { schedule: "0 * * * *", jobTemplate: { spec: { template } } },
    };
    const refused = await server.client.send("POST", "/apis/batch/v1/namespaces/injected/cronjobs?dryRun=All", cronJob);
    assert.match(refused.body.message ?? "", /oras-pod-tools: the annotation .*debug must be/);
    webhook.process.child.kill("SIGKILL");
    await webhook.process.ended;
    assert.equal((await server.client.send("POST", path, deployment({}))).status, 201);
    assert.equal((await dryRunPod(server.client, "injected", podNamed("plain"))).status, 201);
    assert.equal((await dryRunPod(server.client, "injected", podNamed("shortest"))).status, 500, "no replica answers");
  });
});
