import type { Bench } from "../bench.ts";
import { SMALL_FILE } from "../names.ts";
import { startTimedRegistry, type TimedRequest } from "../timed-registry.ts";
import { endStep } from "./waiting-sidecar.ts";

/** The times of one push, in milliseconds. */
export interface TagTime {
  readonly total: number;
  /** The time from the done marker to the first request. In this time, the sidecar finds and reads the markers. */
  readonly first: number;
  /**
   * The time from the first request to the start of the upload. In this time, the sidecar packs the layer, and asks the
   * registry for existing blobs.
   */
  readonly ask: number;
  /** The time from the start of the upload to its end. */
  readonly upload: number;
  /** The time from the end of the upload to the tag. */
  readonly tag: number;
  /** The time in which the registry handles at least one request. */
  readonly registry: number;
}

/**
 * Measures the time from the done marker to the tag, for one small file and a waiting sidecar. A proxy between the
 * sidecar and the registry records the times of the requests.
 */
export async function measureTagTime(bench: Bench): Promise<void> {
  const times: TagTime[] = [];
  for (let round = 0; round < bench.scale.idleRounds; round++) times.push(await timeOfTag(bench, round));
  const add = (part: keyof TagTime, figure: string, goal?: number) => {
    const values = times.map((time) => time[part]);
    bench.addRow({ work: SMALL_FILE, figure, values, ...(goal === undefined ? {} : { goal }) });
  };
  add("total", "ms", 30);
  add("first", "ms from the marker to the first request");
  add("ask", "ms to pack the layer and to ask for the blobs");
  add("upload", "ms to upload the layer");
  add("tag", "ms to write the manifest and the tag");
  add("registry", "ms of all these in the registry");
}

async function timeOfTag(bench: Bench, round: number): Promise<TagTime> {
  const registry = await startTimedRegistry(bench.registry.address);
  try {
    const { sidecar, launcher, marked } = await endStep(bench, `${registry.address}/bench/tag-time:${round}`);
    const marker = await marked;
    const { code, stderr } = await sidecar.ended;
    if (code !== 0) throw new Error(`the sidecar failed with exit code ${code}: ${stderr}`);
    await launcher.ended;
    return tagTime(marker, registry.requests);
  } finally {
    await registry.close();
  }
}

/**
 * Computes the times of a push. `marker` is the time of the done marker. `requests` contains the requests of the push.
 */
export function tagTime(marker: number, requests: readonly TimedRequest[]): TagTime {
  const uploads = requests.filter(({ path }) => path.includes("/blobs/uploads/"));
  const first = Math.min(...requests.map(({ start }) => start));
  const upload = Math.min(...uploads.map(({ start }) => start));
  const uploaded = Math.max(...uploads.map(({ end }) => end));
  const end = Math.max(...requests.map(({ end }) => end));
  return {
    total: end - marker,
    first: first - marker,
    ask: upload - first,
    upload: uploaded - upload,
    tag: end - uploaded,
    registry: busyTime(requests),
  };
}

/** The time in which at least one request is in progress, in milliseconds. */
function busyTime(requests: readonly TimedRequest[]): number {
  let until = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const { start, end } of requests.toSorted((a, b) => a.start - b.start)) {
    sum += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return sum;
}
