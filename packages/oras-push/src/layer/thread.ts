/** A thread that fills and compresses segments of archives ({@link ThreadJob}), in the order in which they arrive. */
import { parentPort } from "node:worker_threads";
import { type SyncCompressor, syncCompressor } from "./gzip-block.ts";
import { fillSegment, SegmentRing } from "./segment-ring.ts";
import { decodeParts, sentFailure, type ThreadAnswer, type ThreadJob } from "./thread-job.ts";

const compressors = new Map<number, SyncCompressor>();
let before: Promise<void> = Promise.resolve();

parentPort?.on("message", (job: ThreadJob) => {
  before = before.then(() => answer(job)).then((message) => parentPort?.postMessage(message));
});

async function answer(job: ThreadJob): Promise<ThreadAnswer> {
  try {
    return { length: await work(job) };
  } catch (error) {
    return { failure: sentFailure(error) };
  }
}

async function work(job: ThreadJob): Promise<number> {
  const { index, length, level } = job;
  const ring = new SegmentRing(job.slots, job.memory);
  fillSegment(ring, index, decodeParts(job));
  if (level === undefined) return 0;
  const compress = await compressorOf(level);
  return compress(ring.segment(index, length), ring.dictionary(index), ring.compressed(index));
}

async function compressorOf(level: number): Promise<SyncCompressor> {
  const compressor = compressors.get(level) ?? (await syncCompressor(level));
  compressors.set(level, compressor);
  return compressor;
}
