import type { Bench } from "./bench.ts";
import { measureCheckpoints } from "./cases/checkpoints.ts";
import { measureCrowd } from "./cases/crowd.ts";
import { growWithCores, growWithFiles, growWithPushes, growWithSize } from "./cases/growth.ts";
import { measureImage } from "./cases/image.ts";
import { measurePulls } from "./cases/pull.ts";
import { pushAgain, pushCompressed, pushFile, pushSmall, pushText } from "./cases/push.ts";
import { measureFirstByte, measureTag } from "./cases/reaction.ts";
import { pushFolders, pushOne, pushSource } from "./cases/shapes.ts";
import { measureStart } from "./cases/start.ts";
import { measureTagTime } from "./cases/tag-time.ts";

/** The cases by name, in the order in which the bench runs them. */
export const CASES: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  start: measureStart,
  "first-byte": measureFirstByte,
  "tag-time": measureTagTime,
  "push-one": pushOne,
  "push-small": pushSmall,
  "push-source": pushSource,
  "push-folders": pushFolders,
  "push-file": pushFile,
  "push-compressed": pushCompressed,
  "push-text": pushText,
  "push-again": pushAgain,
  pull: measurePulls,
  operator: measureTag,
  crowd: measureCrowd,
  image: measureImage,
  checkpoints: measureCheckpoints,
  "growth-files": growWithFiles,
  "growth-size": growWithSize,
  "growth-pushes": growWithPushes,
  "growth-cores": growWithCores,
};

/** The case that runs in parallel with all other cases. */
export const IDLE = "idle";
