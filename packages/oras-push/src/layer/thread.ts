/**
 * A thread for archives. It fills and compresses segments ({@link EncodeTask}), or hashes segments ({@link HashTask}). It
 * takes its tasks in the order in which they arrive.
 */
import { parentPort } from "node:worker_threads";
import { Meter } from "../oci/meter.ts";
import { type SyncCompressor, syncCompressor } from "./gzip-block.ts";
import { fillSegment, SegmentRing } from "./segment-ring.ts";
import {
  decodeParts,
  type EncodeTask,
  type HashTask,
  sentFailure,
  type TaskResults,
  type ThreadAnswer,
  type ThreadTask,
} from "./thread-task.ts";
import { zlib } from "./zlib.ts";

const compressors = new Map<number, SyncCompressor>();
let meter = new Meter();
let before: Promise<void> = Promise.resolve();

parentPort?.on("message", (task: ThreadTask) => {
  before = before.then(() => answer(task)).then((message) => parentPort?.postMessage(message));
});

async function answer(task: ThreadTask): Promise<ThreadAnswer> {
  try {
    return { result: await work(task) };
  } catch (error) {
    return { failure: sentFailure(error) };
  }
}

function work(task: ThreadTask): Promise<TaskResults["encode"]> | TaskResults["hash" | "digest"] {
  if (task.kind === "encode") return encode(task);
  if (task.kind === "hash") return hash(task);
  return meter.digest();
}

async function encode(task: EncodeTask): Promise<TaskResults["encode"]> {
  const { index, length, level } = task;
  const ring = new SegmentRing(task.slots, task.memory);
  fillSegment(ring, index, decodeParts(task));
  const segment = ring.segment(index, length);
  const { crc32 } = await zlib();
  const checksum = crc32(segment);
  if (level === undefined) return { size: 0, checksum };
  const compress = await compressorOf(level);
  return { size: compress(segment, ring.dictionary(index), ring.compressed(index)), checksum };
}

function hash({ index, length, memory, slots }: HashTask): undefined {
  const ring = new SegmentRing(slots, memory);
  if (index === 0) meter = new Meter();
  ring.waitUntilFilled(index);
  meter.update(ring.segment(index, length));
}

async function compressorOf(level: number): Promise<SyncCompressor> {
  const compressor = compressors.get(level) ?? (await syncCompressor(level));
  compressors.set(level, compressor);
  return compressor;
}
