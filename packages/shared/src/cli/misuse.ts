import { join } from "node:path";
import { writeMarker } from "../pod/marker-file.ts";
import { DEFAULT_SHARE } from "../pod/markers.ts";
import { environmentName } from "./command-line.ts";
import { ToolError } from "./tool-error.ts";

/** How one side tells the other that its command line is wrong. */
export interface MisuseMarker {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** The marker's name. */
  readonly name: string;
  readonly content: (failure: ToolError) => object;
}

/**
 * Runs one side of a pod. Where its command line is wrong, the other side would wait for what never starts: it is told, by a
 * marker on the volume that the command line seems to mean, if that is there. Throws what `run` throws.
 */
export async function tellingMisuse<T>(run: () => Promise<T>, marker: MisuseMarker): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ToolError && error.code === "usage")
      // The misuse is what is to be told; a volume that is not there, or can't be written to, has nobody who waits.
      await writeMarker(join(meantShare(marker), marker.name), marker.content(error)).catch(() => {});
    throw error;
  }
}

/** The value of `--share` in a command line that may not be one. */
function meantShare({ argv, env }: MisuseMarker): string {
  const end = argv.indexOf("--");
  const own = end < 0 ? argv : argv.slice(0, end);
  const index = own.findIndex((word) => word === "--share" || word.startsWith("--share="));
  const given = own[index]?.includes("=") === true ? own[index].slice("--share=".length) : own[index + 1];
  return (index < 0 ? undefined : given) || env[environmentName("share")] || DEFAULT_SHARE;
}
