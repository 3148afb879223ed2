/**
 * Compares a fan-in of many tags with `oras pull` in a shell loop. `FAN_IN_TAGS=300` sets the number of tags.
 * `FAN_IN_MAX_RATIO=0.3` sets the maximum ratio of the fan-in's time to the loop's time. Set `FAN_IN_MAX_RATIO` only on
 * an idle machine. Set TMPDIR to a file system on which no files were deleted in the last minutes.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { run, runTool, startTool } from "../../support/tools.ts";
import { findBuiltProgram, ORAS_SKIP } from "../support/clients.ts";
import { CONTAINER_REGISTRY, DISTRIBUTION_3 } from "../support/registries.ts";
import { temporaryFolder } from "../support/temporary.ts";

const TAGS = Number(process.env.FAN_IN_TAGS ?? 40);
const FILES = 10;
const MAX_RATIO = Number(process.env.FAN_IN_MAX_RATIO ?? Number.POSITIVE_INFINITY);
/** The sidecar may use at most this much memory in the test, in MiB. The manifests give the sidecar 256 MiB. */
const MAX_MEMORY = 160;

/**
 * Two ways to store the files of a tag: one layer for each file, as `oras` does, or one layer for the whole folder, as
 * `oras-push` does.
 */
const SHAPES = { files: pushFiles, folder: pushFolder };

for (const kind of [CONTAINER_REGISTRY, DISTRIBUTION_3])
  describe(`a fan-in from ${kind.name}`, { skip: ORAS_SKIP || kind.skip, timeout: 600_000 }, () => {
    const folder = temporaryFolder({ after });
    let registry: Awaited<ReturnType<typeof kind.start>>;

    before(async () => {
      registry = await kind.start(folder);
    });

    after(() => registry?.close());

    for (const [shape, pushTag] of Object.entries(SHAPES))
      it(`of ${TAGS} tags, each with a layer for its ${shape}, restores the same as oras pull in a loop, with bounded memory`, async (context) => {
        const repository = `${registry.address}/fan/${shape}`;
        const indexes = Array.from({ length: TAGS }, (_, index) => index);
        const push = async () => {
          for (let index = indexes.pop(); index !== undefined; index = indexes.pop())
            await pushTag(repository, index, folder);
        };
        await Promise.all([push(), push(), push(), push()]);
        const fanIn = await pullWithSidecar(repository, join(folder, `${shape}-share`));
        const loop = await pullWithOras(repository, join(folder, `${shape}-loop`));
        for (const index of Array(TAGS).keys()) {
          const expected = contentOf(join(folder, `${shape}-loop`, `iter-${index}`));
          assert.equal(Object.keys(expected).length, FILES);
          assert.deepEqual(contentOf(join(folder, `${shape}-share`, "inputs", `iter-${index}`)), expected);
        }
        const ratio = fanIn.seconds / loop;
        context.diagnostic(
          `${TAGS} tags of ${FILES} files: ${fanIn.seconds.toFixed(2)} s, oras pull in a loop ${loop.toFixed(2)} s, ratio ${ratio.toFixed(3)}; at most ${fanIn.memory.toFixed(0)} MiB`,
        );
        assert.ok(ratio <= MAX_RATIO, `ratio ${ratio}`);
        assert.ok(fanIn.memory <= MAX_MEMORY, `${fanIn.memory} MiB`);
      });
  });

/** Pulls all tags with a sidecar. Returns the seconds until the init marker exists, and the peak memory in MiB. */
async function pullWithSidecar(repository: string, share: string): Promise<{ seconds: number; memory: number }> {
  mkdirSync(share);
  const start = performance.now();
  const args = ["sidecar", "--input-count", String(TAGS), `${repository}:iter-*`, "NA"];
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
async function pullWithOras(repository: string, folder: string): Promise<number> {
  mkdirSync(folder);
  const oras = findBuiltProgram("oras") as string;
  const pull = `mkdir iter-$i && cd iter-$i && ${oras} pull --plain-http ${repository}:iter-$i > /dev/null && cd ..`;
  const script = `set -e; i=0; while [ $i -lt ${TAGS} ]; do ${pull}; i=$((i + 1)); done`;
  const start = performance.now();
  const env = { HOME: folder, PATH: process.env.PATH };
  const { code, stderr } = await run("sh", ["-c", script], { cwd: folder, env });
  assert.equal(code, 0, stderr);
  return (performance.now() - start) / 1000;
}

function contentOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(paths.map((path) => [relative(folder, path), readFileSync(path, "utf8")]));
}

function contentOfFile(index: number, file: number): string {
  return `tag ${index}, file ${file}\n`.repeat(500);
}

/**
 * Pushes a folder of {@link FILES} small files with the tag `iter-INDEX`. Deletes no files, because ext4 creates files
 * slowly for some minutes after many deletions.
 */
async function pushFolder(repository: string, index: number, folder: string): Promise<void> {
  const cwd = mkdtempSync(join(folder, "step-"));
  mkdirSync(join(cwd, "out"));
  for (let file = 0; file < FILES; file++)
    writeFileSync(join(cwd, "out", `file-${file}.txt`), contentOfFile(index, file));
  const { code, stderr } = await runTool("oras-push", [`${repository}:iter-${index}`, "out"], { cwd });
  assert.equal(code, 0, stderr);
}

/** Pushes an artifact of {@link FILES} small files as `iter-INDEX`. Uses plain HTTP requests. */
async function pushFiles(repository: string, index: number): Promise<void> {
  const base = `http://${repository.replace("/", "/v2/")}`;
  const config = await pushBlob(base, Buffer.from("{}"));
  const layers = [];
  for (let file = 0; file < FILES; file++) {
    const blob = await pushBlob(base, Buffer.from(contentOfFile(index, file)));
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
