/**
 * A thread for archives. It fills and compresses segments ({@link EncodeTask}), or hashes segments ({@link HashTask}).
 * It takes its tasks in the order in which they arrive.
 */
import { parentPort } from "node:worker_threads";
import { Meter } from "../oci/meter.ts";
import type { Format } from "./compression.ts";
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
import { syncZstd } from "./zstd-segment.ts";

const compressors = new Map<string, SyncCompressor>();
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
  const { index, length, level, format } = task;
  const ring = new SegmentRing(task.slots, task.memory);
  fillSegment(ring, index, decodeParts(task));
  const segment = ring.segment(index, length);
  const { crc32 } = await zlib();
  const checksum = crc32(segment);
  if (level === undefined) return { size: 0, checksum };
  const compress = await compressorOf(format, level);
  const dictionary = format === "gzip" ? ring.dictionary(index) : undefined;
  return { size: compress(segment, dictionary, ring.compressed(index)), checksum };
}

function hash({ index, length, memory, slots }: HashTask): undefined {
  const ring = new SegmentRing(slots, memory);
  if (index === 0) meter = new Meter();
  ring.waitUntilFilled(index);
  meter.update(ring.segment(index, length));
}

async function compressorOf(format: Format, level: number): Promise<SyncCompressor> {
  const name = `${format} ${level}`;
  const compressor = compressors.get(name) ?? (await (format === "zstd" ? syncZstd : syncCompressor)(level));
  compressors.set(name, compressor);
  return compressor;
}
