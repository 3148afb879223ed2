import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { runTool } from "../../../support/tools.ts";
import { type Bench, type Contest, secondsOf } from "../bench.ts";
import { pushWithOurs } from "../commands.ts";
import type { Job, Measured } from "../measure.ts";
import { SECONDS } from "../names.ts";
import { formatCount } from "../numbers.ts";
import { compressors, GZIP, ORAS, OURS, PIGZ, pushers } from "../pushers.ts";
import { roundRatios } from "../statistics.ts";

/** Our push to a repository that already has a tag. Such a repository can already contain blobs of this push. */
const TAGGED = "oras-push, repository with a tag";
const HASH = "openssl dgst -sha256";
const SEND = "curl -T";
const FIRST = "oras-push, first push";
const SECOND = "oras-push, second push";

/** Pushes a folder of text. Compression takes most of the time. */
export async function pushText(bench: Bench): Promise<void> {
  const { scale } = bench;
  const path = bench.trees.text(scale.tree);
  const work = `push ${formatCount(scale.tree)} MiB of text`;
  const contest = await bench.runContest(work, scale.rounds, [...pushers(bench, path, 1), ...compressors(bench, path)]);
  bench.addRatio(work, contest, OURS, ORAS, 0.35);
  bench.addRatio(work, contest, OURS, PIGZ, 1);
  bench.addRatio(work, contest, OURS, GZIP);
  addWrittenBytes(bench, work, contest);
  const [compressed] = contest.get(GZIP) ?? [];
  const [pushed] = contest.get(OURS) ?? [];
  if (compressed !== undefined && pushed !== undefined) {
    const [layer] = pushedArtifact(pushed).layers;
    const values = [layer.size / Number(compressed.stdout)];
    bench.addRow({ work, figure: "x the size of gzip -6", values, goal: 1.02 });
  }
}

/** Pushes many small files. The cost per file takes most of the time. */
export async function pushSmall(bench: Bench): Promise<void> {
  const { scale } = bench;
  const work = `push ${formatCount(scale.files)} small files`;
  const contest = await bench.runContest(work, scale.rounds + 2, pushers(bench, bench.trees.small(scale.files)));
  bench.addRatio(work, contest, OURS, ORAS, 0.5);
  bench.addRow({ work, figure: SECONDS, values: secondsOf(contest.get(OURS)), goal: 1 });
  addWrittenBytes(bench, work, contest);
}

/**
 * Pushes one incompressible file. If the repository has no tag, the push hashes and sends the file at the same time. If
 * the repository has a tag, the push sends the file only after it has hashed the whole file.
 */
export async function pushFile(bench: Bench): Promise<void> {
  const { scale, peers, registry } = bench;
  const { curl, openssl } = peers;
  const path = bench.trees.noise(scale.large);
  const work = `push a file of ${formatCount(scale.large)} MiB`;
  const digest = await hashFile(path);
  const beforeTagged = async () => {
    registry.empty();
    await runTool("oras-push", [`${registry.address}/bench/push:earlier`]);
  };
  const hash = openssl === undefined ? undefined : () => ({ argv: [openssl, "dgst", "-sha256", path] as const });
  const send = curl === undefined ? undefined : () => upload(curl, registry.address, digest, path);
  const contest = await bench.runContest(work, scale.rounds, [
    ...pushers(bench, path),
    { name: TAGGED, before: beforeTagged, job: () => pushWithOurs(`${registry.address}/bench/push:1`, path) },
    { name: HASH, job: hash },
    { name: SEND, before: () => registry.empty(), job: send },
  ]);
  bench.addRatio(work, contest, OURS, ORAS);
  const hashed = contest.get(HASH);
  const sent = contest.get(SEND);
  if (hashed === undefined || sent === undefined) return;
  const slower = hashed.map(({ seconds }, round) => Math.max(seconds, sent[round]?.seconds ?? 0));
  const figure = "x the time of the slower of openssl and curl";
  const values = (name: string) =>
    secondsOf(contest.get(name)).map((seconds, round) => seconds / (slower[round] as number));
  bench.addRow({ work, figure, values: values(OURS), goal: 1.25 });
  bench.addRow({ work: `${work} to a repository with a tag`, figure, values: values(TAGGED) });
}

/** Pushes a folder of compressed files. A push saves time if it does not compress these files again. */
export async function pushCompressed(bench: Bench): Promise<void> {
  const { scale } = bench;
  const work = `push ${formatCount(scale.tree)} MiB of compressed files`;
  const contest = await bench.runContest(work, scale.rounds, pushers(bench, bench.trees.compressed(scale.tree)));
  bench.addRatio(work, contest, OURS, ORAS, 0.2);
  addWrittenBytes(bench, work, contest);
}

/** Pushes the same folder twice. */
export async function pushAgain(bench: Bench): Promise<void> {
  const { scale, registry, trees } = bench;
  const path = trees.text(scale.tree);
  const work = `push ${formatCount(scale.tree)} MiB of text twice`;
  const reference = `${registry.address}/bench/again:1`;
  const job = () => pushWithOurs(reference, path, "--format", "json");
  const contestants = [
    { name: FIRST, before: () => registry.empty(), job },
    { name: SECOND, job },
  ];
  const contest = await bench.runContest(work, scale.rounds, contestants, true);
  const values = roundRatios(secondsOf(contest.get(SECOND)), secondsOf(contest.get(FIRST)));
  bench.addRow({ work, figure: "x the time of the first push, for the second push", values, goal: 0.5 });
  const again = contest.get(SECOND) ?? [];
  const sent = again.map((one) => pushedArtifact(one).layers.length - pushedArtifact(one).skipped);
  bench.addRow({ work, figure: "blobs sent by the second push", values: sent, goal: 0 });
}

/**
 * Adds a figure to the results: the number of bytes that our push wrote to disk. The goal is 0. The kernel sometimes
 * writes the access times of the read files to disk. Rounds the values to 0.1 MB, so that these few bytes do not count.
 */
export function addWrittenBytes(bench: Bench, work: string, contest: Contest): void {
  const values = (contest.get(OURS) ?? []).map(({ written }) => Math.round(written * 10) / 10);
  bench.addRow({ work, figure: "MB written to disk", values, goal: 0 });
}

/** The output of `oras-push --format json`. */
function pushedArtifact({ stdout }: Measured) {
  return JSON.parse(stdout) as { layers: [{ size: number }]; skipped: number };
}

/** Computes the SHA-256 digest of a file, in hexadecimal. */
async function hashFile(path: string): Promise<string> {
  const digest = createHash("sha256");
  await pipeline(createReadStream(path), digest);
  return digest.digest("hex");
}

/** Starts an upload at the registry. Returns the command that sends a file with one PUT. */
async function upload(curl: string, address: string, digest: string, path: string): Promise<Job> {
  const response = await fetch(`http://${address}/v2/bench/push/blobs/uploads/`, { method: "POST" });
  const url = `${response.headers.get("location")}&digest=sha256:${digest}`;
  const type = "content-type: application/octet-stream";
  return { argv: [curl, "-sSf", "-o", "/dev/null", "-H", type, "-T", path, url] };
}
