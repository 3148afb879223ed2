import type { Bench } from "./bench.ts";
import { crowd } from "./cases/crowd.ts";
import { growthWithFiles, growthWithPushes, growthWithSize, growthWithThreads } from "./cases/growth.ts";
import { image } from "./cases/image.ts";
import { pushHuge } from "./cases/large.ts";
import { pulls } from "./cases/pull.ts";
import { pushAgain, pushCompressed, pushFile, pushSmall, pushText } from "./cases/push.ts";
import { applicationToTag, firstByte } from "./cases/reaction.ts";
import { start } from "./cases/start.ts";

/** What can be measured, by the name that chooses it, in the order in which it is. */
export const CASES: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  start,
  "first-byte": firstByte,
  "push-small": pushSmall,
  "push-file": pushFile,
  "push-compressed": pushCompressed,
  "push-text": pushText,
  "push-again": pushAgain,
  pull: pulls,
  operator: applicationToTag,
  crowd,
  huge: pushHuge,
  image,
  "growth-files": growthWithFiles,
  "growth-size": growthWithSize,
  "growth-pushes": growthWithPushes,
  "growth-threads": growthWithThreads,
};

/** The case that goes on beside all others. */
export const IDLE = "idle";
