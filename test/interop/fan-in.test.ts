/**
 * A fan-in of many tags beside the command `oras pull` in a shell loop. `FAN_IN_TAGS=300` sets the number of tags. On an
 * idle machine, `FAN_IN_MAX_RATIO=0.3` limits the time of the fan-in, as a part of the time of the loop.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { run, startTool } from "../../support/tools.ts";
import { findBuiltProgram, ORAS_SKIP } from "../support/clients.ts";
import { CONTAINER_REGISTRY, DISTRIBUTION_3 } from "../support/registries.ts";
import { temporaryFolder } from "../support/temporary.ts";

const TAGS = Number(process.env.FAN_IN_TAGS ?? 60);
const FILES = 10;
const MAX_RATIO = Number(process.env.FAN_IN_MAX_RATIO ?? Number.POSITIVE_INFINITY);
/** The largest memory of the sidecar, in MiB. The manifests give the sidecar 256 MiB. */
const MAX_MEMORY = 160;

for (const kind of [CONTAINER_REGISTRY, DISTRIBUTION_3])
  describe(`a fan-in from ${kind.name}`, { skip: ORAS_SKIP || kind.skip, timeout: 600_000 }, () => {
    const folder = temporaryFolder({ after });
    let registry: Awaited<ReturnType<typeof kind.start>>;

    before(async () => {
      registry = await kind.start(folder);
      const tags = Array.from({ length: TAGS }, (_, index) => index);
      const push = async () => {
        for (let index = tags.pop(); index !== undefined; index = tags.pop()) await pushTag(registry.address, index);
      };
      await Promise.all([push(), push(), push(), push()]);
    });

    after(() => registry?.close());

    it(`of ${TAGS} tags restores the same files as oras pull in a loop, with bounded memory`, async (context) => {
      const fanIn = await pullWithSidecar(registry.address, join(folder, "share"));
      const loop = await pullWithOras(registry.address, join(folder, "loop"));
      for (let index = 0; index < TAGS; index++) {
        const [ours, theirs] = [join(folder, "share", "inputs"), join(folder, "loop")].map((root) =>
          join(root, `iter-${index}`),
        );
        assert.deepEqual(contentOf(ours as string), contentOf(theirs as string));
      }
      const ratio = fanIn.seconds / loop;
      context.diagnostic(
        `${TAGS} tags of ${FILES} files: ${fanIn.seconds.toFixed(2)} s, oras pull in a loop ${loop.toFixed(2)} s, ratio ${ratio.toFixed(3)}; at most ${fanIn.memory.toFixed(0)} MiB`,
      );
      assert.ok(ratio <= MAX_RATIO, `ratio ${ratio}`);
      assert.ok(fanIn.memory <= MAX_MEMORY, `${fanIn.memory} MiB`);
    });
  });

/** Pulls all tags with a sidecar. Returns the time until the init marker exists, and the largest memory in MiB. */
async function pullWithSidecar(address: string, share: string): Promise<{ seconds: number; memory: number }> {
  mkdirSync(share);
  const start = performance.now();
  const args = ["sidecar", "--input-count", String(TAGS), `${address}/fan/in:iter-*`, "NA"];
  const sidecar = startTool("oras-push", args, { env: { ORAS_SHARE: share } });
  const marker = join(share, "oras-operator-init.txt");
  while (!existsSync(marker)) {
    assert.equal(sidecar.child.exitCode, null, "the sidecar ended");
    await sleep(2);
  }
  const seconds = (performance.now() - start) / 1000;
  const status = readFileSync(`/proc/${sidecar.pid}/status`, "utf8");
  sidecar.child.kill("SIGKILL");
  await sidecar.ended;
  return { seconds, memory: Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024 };
}

/** Pulls all tags with `oras pull`, one after the other. Returns the time in seconds. */
async function pullWithOras(address: string, folder: string): Promise<number> {
  mkdirSync(folder);
  const oras = findBuiltProgram("oras") as string;
  const pull = `mkdir iter-$i && cd iter-$i && ${oras} pull --plain-http ${address}/fan/in:iter-$i > /dev/null && cd ..`;
  const script = `set -e; i=0; while [ $i -lt ${TAGS} ]; do ${pull}; i=$((i + 1)); done`;
  const start = performance.now();
  const env = { HOME: folder, PATH: process.env.PATH };
  const { code, stderr } = await run("sh", ["-c", script], { cwd: folder, env });
  assert.equal(code, 0, stderr);
  return (performance.now() - start) / 1000;
}

function contentOf(folder: string): Record<string, string> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

/** Pushes an artifact of {@link FILES} small files as `fan/in:iter-INDEX`, with plain requests. */
async function pushTag(address: string, index: number): Promise<void> {
  const base = `http://${address}/v2/fan/in`;
  const config = await pushBlob(base, Buffer.from("{}"));
  const layers = [];
  for (let file = 0; file < FILES; file++) {
    const blob = await pushBlob(base, Buffer.from(`tag ${index}, file ${file}\n`.repeat(500)));
    const annotations = { "org.opencontainers.image.title": `file-${file}.txt` };
    layers.push({ mediaType: "application/vnd.oci.image.layer.v1.tar", ...blob, annotations });
  }
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const emptyConfig = { mediaType: "application/vnd.oci.empty.v1+json", ...config };
  const artifactType = "application/vnd.example.run";
  const body = JSON.stringify({ schemaVersion: 2, mediaType, artifactType, config: emptyConfig, layers });
  const headers = { "content-type": mediaType };
  assert.equal((await fetch(`${base}/manifests/iter-${index}`, { method: "PUT", body, headers })).status, 201);
}

async function pushBlob(base: string, content: Buffer<ArrayBuffer>): Promise<{ digest: string; size: number }> {
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  const started = await fetch(`${base}/blobs/uploads/`, { method: "POST" });
  await started.arrayBuffer();
  const place = new URL(started.headers.get("location") ?? "", base);
  place.searchParams.set("digest", digest);
  const headers = { "content-type": "application/octet-stream" };
  assert.equal((await fetch(place, { method: "PUT", body: content, headers })).status, 201);
  return { digest, size: content.length };
}
