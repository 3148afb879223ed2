import { describeError, ToolError } from "shared/cli/tool-error";
import { type Limiter, mapConcurrently } from "../../artifact/concurrency.ts";
import { ANNOTATIONS } from "../../oci/annotations.ts";
import type { ArtifactStore } from "../../oci/artifact-store.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { ManifestError, parseManifest, type StoredManifest } from "../../oci/manifest.ts";
import { type ListedRun, listedRun } from "../listing.ts";
import type { TaggedManifest } from "../read-artifacts.ts";
import { type RunInput, readLinks } from "../run.ts";

/**
 * The titles of the layers that contain the stdout and the stderr of a run. The launcher saves these logs if `--logs`
 * is set.
 */
const LOGS: ReadonlySet<string> = new Set(["stdout.log", "stderr.log"]);

/** The maximum number of bytes to read from the end of a log. */
const MAX_LOG_BYTES = 8192;

/** The last lines of a log. */
export interface LogEnd {
  readonly title: string;
  /** The lines, or the reason why the log cannot be read. */
  readonly text: string;
}

/** A run of a report. */
export interface ReportRun extends ListedRun {
  /** Whether the artifact is in an OCI layout on disk. */
  readonly inLayout: boolean;
  readonly inputs: readonly RunInput[];
  /** If this is the image of another artifact, the digest of that artifact. Otherwise, undefined. */
  readonly imageOf: Digest | undefined;
  readonly logs: readonly LogEnd[];
}

/** A run whose logs are not read yet. */
export interface UnreadRun {
  readonly run: ListedRun;
  readonly inLayout: boolean;
  readonly inputs: readonly RunInput[];
  readonly imageOf: Digest | undefined;
  readonly store: ArtifactStore;
  readonly logs: readonly Descriptor[];
}

/** Converts an artifact to a run for the report. Throws `ManifestError` if the manifest is invalid. */
export function unreadRun(artifact: TaggedManifest): UnreadRun {
  const { manifest, store, repository } = artifact;
  const inLayout = "layout" in repository;
  const { inputs, imageOf } = readLinks(manifest);
  return { run: listedRun(artifact), inLayout, inputs, imageOf, store, logs: logsOf(manifest) };
}

/** Reads the last `lines` lines of each log. If a log cannot be read, the field `text` contains the reason. */
export function readLogs(runs: readonly UnreadRun[], lines: number, limit: Limiter, concurrency: number) {
  return mapConcurrently(runs, concurrency, async ({ run, store, logs, ...more }): Promise<ReportRun> => {
    const wanted = lines > 0 ? logs : [];
    const read = wanted.map(
      async (descriptor): Promise<LogEnd> => ({
        title: descriptor.annotations?.[ANNOTATIONS.title] ?? "",
        text: await limit(() => readEnd(store, descriptor, lines)),
      }),
    );
    return { ...run, ...more, logs: await Promise.all(read) };
  });
}

function logsOf(manifest: StoredManifest): readonly Descriptor[] {
  try {
    return parseManifest(manifest.bytes).layers.filter(({ annotations }) =>
      LOGS.has(annotations?.[ANNOTATIONS.title] ?? ""),
    );
  } catch (error) {
    // An index has no layers.
    if (error instanceof ManifestError) return [];
    throw error;
  }
}

async function readEnd(store: ArtifactStore, descriptor: Descriptor, lines: number): Promise<string> {
  const start = Math.max(0, descriptor.size - MAX_LOG_BYTES);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of store.fetchBlob(descriptor, start)) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_LOG_BYTES) break;
    }
  } catch (error) {
    if (error instanceof ToolError && error.code !== "unavailable") return describeError(error);
    throw error;
  }
  return lastLines(Buffer.concat(chunks).subarray(0, MAX_LOG_BYTES).toString(), lines, start > 0);
}

/**
 * Returns the last lines of a text. If `cut` is true, the start of the text is missing. In this case, omits the first
 * line, because it may be incomplete.
 */
export function lastLines(text: string, count: number, cut: boolean): string {
  const all = text.replace(/\r\n/g, "\n").replace(/\n$/, "").split("\n");
  const whole = cut && all.length > 1 ? all.slice(1) : all;
  return whole.slice(-count).join("\n");
}
