/**
 * Checks how many bytes the sidecar sends for a checkpoint if one of its 200 files has changed. `CHECKPOINT_MIB=1024`
 * sets the size of the checkpoint in MiB.
 */
import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { killProcess, type TestPod, testPod, waitForPath } from "../support/pod.ts";

const FILES = 200;
const FILE_BYTES = Math.floor((Number(process.env.CHECKPOINT_MIB ?? 32) * 2 ** 20) / FILES);

/**
 * The largest size of the manifest, in bytes. The manifest lists all files, and the sidecar sends it for each
 * checkpoint.
 */
const MANIFEST_BYTES = FILES * 600;

it(`sends only the changed file of ${FILES} files of ${FILE_BYTES} bytes`, { timeout: 600_000 }, async (context) => {
  const pod = await testPod(context);
  const state = join(pod.folder, "state");
  mkdirSync(state);
  const fileOf = (index: number) => join(state, `part-${index}`);
  for (let index = 0; index < FILES; index++) writeFileSync(fileOf(index), randomFillSync(Buffer.alloc(FILE_BYTES)));
  pod.start("oras-push", ["sidecar", "--native", "NA", pod.reference("large:1")]);
  const options = ["--checkpoint", "state", "--checkpoint-every", "0.5"];
  const launcher = pod.start("launcher", [
    ...options,
    "--",
    "sh",
    "-c",
    "echo $$ > pid.new; mv pid.new pid; exec sleep 500",
  ]);
  const first = await pushedAfter(pod, 1);
  assert.equal(sentBytes(pod) >= FILES * FILE_BYTES, true);
  const before = sentBytes(pod);
  const file = openSync(fileOf(77), "r+");
  writeSync(file, "changed in place", FILE_BYTES >> 1);
  const second = await pushedAfter(pod, 2);
  const sent = sentBytes(pod) - before;
  assert.ok(sent >= FILE_BYTES && sent <= FILE_BYTES + MANIFEST_BYTES, `sent ${sent} bytes`);
  const pushed = readFileSync(join(pod.share, "checkpoints", "2", "state", "part-77"));
  assert.equal(pushed.includes("changed in place"), true);
  context.diagnostic(
    `first checkpoint: ${FILES * FILE_BYTES} bytes in ${first} s; second: ${sent} bytes in ${second} s`,
  );
  launcher.child.kill("SIGKILL");
  await waitForPath(join(pod.folder, "pid"));
  killProcess(Number(readFileSync(join(pod.folder, "pid"), "utf8")));
});

/** The sum of the bytes of all request bodies. */
function sentBytes({ registry }: TestPod): number {
  return registry.requests.reduce((sum, { received }) => sum + received, 0);
}

/** Waits until the sidecar has pushed the checkpoint with this number. Returns the duration of the wait, in seconds. */
async function pushedAfter({ share }: TestPod, number: number): Promise<string> {
  const start = performance.now();
  const marker = join(share, "oras-operator-checkpoint-pushed.txt");
  while (!existsSync(marker) || JSON.parse(readFileSync(marker, "utf8")).number < number) await sleep(50);
  assert.equal(JSON.parse(readFileSync(marker, "utf8")).error, null);
  return ((performance.now() - start) / 1000).toFixed(1);
}
