import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { runTool } from "../../../support/tools.ts";
import type { Bench, Contest, Contestant } from "../bench.ts";
import { archive, pushWithOras, pushWithOurs } from "../commands.ts";
import type { Measured } from "../measured.ts";

const OURS = "oras-push";
const PEER = "oras push";
/** We, into a repository that may have what is pushed. */
const TAGGED = "oras-push, a tag is there";

/** A folder of text: what compression costs. */
export async function pushText(bench: Bench): Promise<void> {
  const { scale, peers } = bench;
  const { pigz, gzip } = peers;
  const path = bench.trees.text(scale.large);
  const work = `push ${scale.large} MiB of text`;
  const contest = await bench.contest(work, scale.rounds, [
    ...pushers(bench, path),
    { name: "tar | pigz -6", job: pigz === undefined ? undefined : () => archive(pigz, path) },
    { name: "tar | gzip -6", job: gzip === undefined ? undefined : () => archive(gzip, path), rounds: 1 },
  ]);
  bench.ratio(work, contest, OURS, PEER, 0.35);
  bench.ratio(work, contest, OURS, "tar | pigz -6", 1);
  bench.ratio(work, contest, OURS, "tar | gzip -6");
  noTemporaryFiles(bench, work, contest);
  const [unpushed] = contest.get("tar | gzip -6") ?? [];
  const [pushed] = contest.get(OURS) ?? [];
  if (unpushed !== undefined && pushed !== undefined) {
    const [layer] = pushedObject(pushed).layers;
    bench.row({ work, figure: "x the size of gzip -6", values: [layer.size / Number(unpushed.stdout)], goal: 1.02 });
  }
}

/** Many small files: what each file costs. */
export async function pushSmall(bench: Bench): Promise<void> {
  const { scale } = bench;
  const work = `push ${scale.files} small files`;
  const contest = await bench.contest(work, scale.rounds + 2, pushers(bench, bench.trees.small(scale.files)));
  bench.ratio(work, contest, OURS, PEER, 0.5);
  bench.row({ work, figure: "s", values: secondsOf(contest.get(OURS)), goal: 1 });
  noTemporaryFiles(bench, work, contest);
}

/** One file that can't be compressed: what hashing and sending cost, at once and, where a tag is there, one by one. */
export async function pushFile(bench: Bench): Promise<void> {
  const { scale, peers, registry } = bench;
  const { curl, openssl } = peers;
  const path = bench.trees.noise(scale.large);
  const work = `push a file of ${scale.large} MiB`;
  const digest = createHash("sha256");
  await pipeline(createReadStream(path), digest);
  const hex = digest.digest("hex");
  const contest = await bench.contest(work, scale.rounds + 2, [
    ...pushers(bench, path),
    {
      name: TAGGED,
      before: async () => {
        registry.empty();
        await runTool("oras-push", [`${registry.address}/bench/push:earlier`]);
      },
      job: () => pushWithOurs(`${registry.address}/bench/push:1`, path),
    },
    {
      name: "openssl sha256",
      job: openssl === undefined ? undefined : () => ({ argv: [openssl, "dgst", "-sha256", path] }),
    },
    {
      name: "curl -T",
      before: () => registry.empty(),
      job:
        curl === undefined
          ? undefined
          : async () => {
              const url = `${await uploadLocation(registry.address)}&digest=sha256:${hex}`;
              const type = "content-type: application/octet-stream";
              return { argv: [curl, "-sSf", "-o", "/dev/null", "-H", type, "-T", path, url] };
            },
    },
  ]);
  bench.ratio(work, contest, OURS, PEER);
  const hashed = contest.get("openssl sha256");
  const sent = contest.get("curl -T");
  if (hashed === undefined || sent === undefined) return;
  const slower = hashed.map(({ seconds }, round) => Math.max(seconds, sent[round]?.seconds ?? 0));
  const figure = "x the slower of sha256 and curl -T";
  const values = (name: string) =>
    secondsOf(contest.get(name)).map((seconds, round) => seconds / (slower[round] as number));
  bench.row({ work, figure, values: values(OURS), goal: 1.25 });
  bench.row({ work: `${work} where a tag is`, figure, values: values(TAGGED) });
}

/** A folder of what is compressed already: what can be saved by noticing it. */
export async function pushCompressed(bench: Bench): Promise<void> {
  const { scale } = bench;
  const work = `push ${scale.large} MiB of compressed files`;
  const contest = await bench.contest(work, scale.rounds, pushers(bench, bench.trees.compressed(scale.large)));
  bench.ratio(work, contest, OURS, PEER, 0.2);
  noTemporaryFiles(bench, work, contest);
}

/** The same folder once more. */
export async function pushAgain(bench: Bench): Promise<void> {
  const { scale, registry, trees } = bench;
  const path = trees.text(scale.large);
  const work = `push ${scale.large} MiB of text again`;
  const reference = `${registry.address}/bench/again:1`;
  const job = () => pushWithOurs(reference, path, "--format", "json");
  const contestants = [
    { name: "the first time", before: () => registry.empty(), job },
    { name: "again", job },
  ];
  const contest = await bench.contest(work, scale.rounds, contestants, true);
  bench.ratio(work, contest, "again", "the first time", 0.5);
  const again = contest.get("again") ?? [];
  const sent = again.map((one) => pushedObject(one).layers.length - pushedObject(one).skipped);
  bench.row({ work, figure: "blobs sent", values: sent, goal: 0 });
}

/** We and `oras`, each into an empty registry. */
function pushers(bench: Bench, path: string): Contestant[] {
  const { registry, peers } = bench;
  const { oras } = peers;
  const before = () => registry.empty();
  const reference = `${registry.address}/bench/push:1`;
  return [
    { name: OURS, before, job: () => pushWithOurs(reference, path, "--format", "json") },
    { name: PEER, before, job: oras === undefined ? undefined : () => pushWithOras(oras, reference, path) },
  ];
}

/** In tenths of a megabyte: less is what the kernel notes of the times at which files were read. */
export function noTemporaryFiles(bench: Bench, work: string, contest: Contest): void {
  const values = (contest.get(OURS) ?? []).map(({ written }) => Math.round(written * 10) / 10);
  bench.row({ work, figure: "MB written to disk", values, goal: 0 });
}

/** What `oras-push --format json` says of a push. */
function pushedObject({ stdout }: Measured) {
  return JSON.parse(stdout) as { layers: [{ size: number }]; skipped: number };
}

function secondsOf(results: readonly Measured[] | undefined): number[] {
  return (results ?? []).map(({ seconds }) => seconds);
}

async function uploadLocation(address: string): Promise<string> {
  const response = await fetch(`http://${address}/v2/bench/push/blobs/uploads/`, { method: "POST" });
  return response.headers.get("location") as string;
}
