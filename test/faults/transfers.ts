/** Functions that push and pull, in this process or with the executable. */
import { join } from "node:path";
import { plainProgress } from "oras-push/artifact/progress";
import { pullAllTags, pullArtifacts } from "oras-push/artifact/pull-artifacts";
import { pushArtifact } from "oras-push/artifact/push-artifact";
import { pushedObject } from "oras-push/artifact/result";
import type { TransferContext } from "oras-push/artifact/transfer";
import { DEFAULT_LEVEL } from "oras-push/layer/compression";
import { parseReference } from "oras-push/oci/reference";
import { EXIT_CODES } from "shared/cli/exit-codes";
import { failureReport } from "shared/cli/failure-report";
import { ToolError } from "shared/cli/tool-error";
import { runTool } from "../../support/tools.ts";
import { PLAIN_CONNECTION } from "../support/plain-connection.ts";

/** The time limits of a transfer, in seconds. */
export interface TimeLimits {
  /** How long requests are retried. */
  readonly retry: number;
  /** How long the registry may be silent. */
  readonly silence: number;
}

/** The limits of transfers in this process. As in the tool, the limit for silence is half of the retry time. */
export const IN_PROCESS: TimeLimits = { retry: 2, silence: 1 };

/** The limits of the executable. Its limit for silence is never below 5 seconds. */
export const EXECUTABLE: TimeLimits = { retry: 2, silence: 5 };

/** The limits of transfers without faults. They are longer than any pause of a busy machine. */
export const PATIENT: TimeLimits = { retry: 60, silence: 60 };

/** The parts that pushes and pulls share. */
export interface Transfer {
  readonly concurrency: number;
  /** The environment of the tool. */
  readonly env: Readonly<Record<string, string>>;
  /** The time limits in this process. */
  readonly limits: TimeLimits;
}

/** A push. */
export interface Push extends Transfer {
  /** The references, each with a tag. */
  readonly references: readonly string[];
  /** The folder that contains the pushed files and folders. */
  readonly folder: string;
  /** The names of the pushed files and folders. */
  readonly names: readonly string[];
  readonly noClobber: boolean;
}

/** A pull. */
export interface Pull extends Transfer {
  /** The reference of the artifact. If `all` is true, the reference of the repository. */
  readonly reference: string;
  readonly all: boolean;
  /** The target folder. */
  readonly folder: string;
}

/** How a transfer ended. */
export interface Outcome {
  /** The transferred artifacts, as the tool reports them. */
  readonly artifacts: readonly { readonly reference: string; readonly digest: string }[];
  /** The name of the exit code, or a text that describes a crash. Undefined for a success. */
  readonly failure: string | undefined;
  /** The log of the transfer, including the report of a failure. */
  readonly log: string;
}

/** Pushes in this process. */
export function pushInProcess({ references, folder, names, noClobber, ...transfer }: Push): Promise<Outcome> {
  const paths = names.map((name) => ({ path: join(folder, name) }));
  return outcomeOf(transfer, async (context, plan) => {
    const content = {
      artifactType: undefined,
      annotations: {},
      annotationFile: { manifest: {}, config: {}, layers: new Map() },
      level: DEFAULT_LEVEL,
      patterns: { include: [], exclude: [] },
      noClobber,
    };
    const pushed = await pushArtifact(references.map(parseReference), paths, { ...plan, ...content }, context);
    return { artifacts: pushed.map(pushedObject), skipped: [] };
  });
}

/** Pulls in this process. */
export function pullInProcess({ reference, all, folder, ...transfer }: Pull): Promise<Outcome> {
  return outcomeOf(transfer, async (context, plan) => {
    const from = parseReference(reference);
    const destination = { folder, keepOldFiles: false };
    if (!all) return { artifacts: await pullArtifacts([from], destination, plan, context), skipped: [] };
    const { pulled, skipped } = await pullAllTags(from, destination, plan, context);
    return { artifacts: pulled, skipped };
  });
}

/** Pushes with the executable. */
export async function pushByTool({ references, folder, names, concurrency, noClobber, env }: Push): Promise<Outcome> {
  const [first = "", ...others] = references;
  const paths = names.map((name) => join(folder, name));
  const more = others.flatMap((reference) => ["--to", reference]);
  const args = [first, ...paths, ...more, ...(noClobber ? ["--no-clobber"] : [])];
  return toolOutcome("Pushed", [...args, "--concurrency", String(concurrency)], env);
}

/** Pulls with the executable. */
export async function pullByTool({ reference, all, folder, concurrency, env }: Pull): Promise<Outcome> {
  const args = ["pull", ...(all ? ["--all"] : []), reference, "-o", folder, "--concurrency", String(concurrency)];
  return toolOutcome("Pulled", args, env);
}

interface Transferred {
  readonly artifacts: Outcome["artifacts"];
  readonly skipped: readonly { readonly failure: ToolError }[];
}

/** Calls `act` with a plan that has the given time limits. Returns the outcome of `act`. */
async function outcomeOf(
  { concurrency, env, limits }: Transfer,
  act: (context: TransferContext, plan: ReturnType<typeof planWith>) => Promise<Transferred>,
): Promise<Outcome> {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const { signal } = new AbortController();
  const context = { env, signal, log, warn: log, progress: plainProgress(log) };
  try {
    const { artifacts, skipped } = await act(context, planWith(concurrency, limits));
    return { artifacts, failure: skipped[0]?.failure.code, log: lines.join("\n") };
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    lines.push(failureReport("oras-push", error, true));
    const failure = error instanceof ToolError ? error.code : `not a ToolError: ${error.stack}`;
    return { artifacts: [], failure, log: lines.join("\n") };
  }
}

/** Returns the plan of a connection. The store passes the whole plan to the transport, which uses `stallSeconds`. */
function planWith(concurrency: number, limits: TimeLimits) {
  return {
    ...PLAIN_CONNECTION,
    retrySeconds: limits.retry,
    stallSeconds: limits.silence,
    debug: true,
    concurrency,
  };
}

async function toolOutcome(word: string, args: readonly string[], env: Transfer["env"]): Promise<Outcome> {
  const limited = [...args, "--retry-for", String(EXECUTABLE.retry), "--debug"];
  const { code, signal, stdout, stderr } = await runTool("oras-push", limited, { env });
  const lines = stdout.matchAll(new RegExp(`^${word} \\[registry\\] (\\S+)\nDigest: (\\S+)$`, "gm"));
  const artifacts = [...lines].map(([, reference = "", digest = ""]) => ({ reference, digest }));
  const name = Object.entries(EXIT_CODES).find(([, exit]) => exit.code === code)?.[0];
  const failure = code === 0 ? undefined : (name ?? `exit code ${code}, signal ${signal}`);
  return { artifacts, failure, log: stdout + stderr };
}
