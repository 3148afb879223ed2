import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { runTool } from "../../../support/tools.ts";
import { containerStatuses, type Pod } from "./running-step.ts";

/** The exit codes of all runs of a container. If one of them is unknown, the list contains only `unknown`. */
type ExitCodes = readonly (number | "unknown")[];

/** The result of an ending: a row of the table in `docs/endings.md`. */
export interface EndingResult {
  readonly name: string;
  /** `Complete`, or `Failed` with Kubernetes' reason. */
  readonly job: string;
  /** The exit codes of the application's container, in the order of its runs. */
  readonly application: ExitCodes;
  /**
   * The exit codes of the sidecar's container, in the order of its runs. Equal codes in a row appear once, because the
   * number of restarts of a failed sidecar differs between test runs.
   */
  readonly sidecar: ExitCodes;
  /** Maps each tag to the paths of its files. */
  readonly registry: Readonly<Record<string, readonly string[]>>;
  /** The messages that Kubernetes shows about failures of the pods. */
  readonly messages: readonly string[];
}

/**
 * Kubernetes shows this reason if it does not know the exit code of an evicted pod's container, because the container
 * is already removed.
 */
const UNKNOWN_END = "ContainerStatusUnknown";

/**
 * Returns the exit codes of a container in all pods of a Job. For each pod, Kubernetes keeps only the last two runs of
 * the container. If Kubernetes does not know how a run ended, it shows the exit code 137 and the reason `UNKNOWN_END`.
 * In this case, this function returns `unknown` instead of all exit codes.
 */
export function exitCodes(pods: readonly Pod[], container: string): ExitCodes {
  const statuses = containerStatuses(pods, container);
  const ends = statuses.flatMap(({ state, lastState }) => [lastState.terminated ?? [], state.terminated ?? []].flat());
  return ends.some(({ reason }) => reason === UNKNOWN_END) ? ["unknown"] : ends.map(({ exitCode }) => exitCode);
}

/**
 * Returns the messages that Kubernetes shows about the failures of a Job's pods: the reason of each eviction, and the
 * tools' messages in the containers' termination messages. Omits messages about waits and retries.
 */
export function failureMessages(pods: readonly Pod[]): string[] {
  const evictions = pods.flatMap(({ status }) =>
    status.reason === undefined ? [] : `${status.reason}: ${status.message}`,
  );
  const statuses = ["application", "oras"].flatMap((name) => containerStatuses(pods, name));
  const ends = statuses.flatMap(({ lastState, state }) => [lastState.terminated, state.terminated]);
  const lines = new Set(ends.flatMap((end) => (end?.message ?? "").split("\n")));
  const isFailure = (line: string) => /^(launcher|oras-push): /.test(line) && !/retrying in|waiting up to/.test(line);
  return [...evictions, ...[...lines].filter(isFailure)];
}

/**
 * Pulls each tag of a repository, and returns the paths of the files of each tag. `address` is the address of the
 * registry, HOST:PORT. `login` has the form USER:PASSWORD. Pulls into `folder`, which must not exist.
 */
export async function filesByTag(
  address: string,
  repository: string,
  login: string,
  folder: string,
): Promise<EndingResult["registry"]> {
  const authorization = `Basic ${Buffer.from(login).toString("base64")}`;
  const { status } = await fetch(`http://${address}/v2/${repository}/tags/list`, { headers: { authorization } });
  if (status === 404) return {};
  const [user = "", password = ""] = login.split(":");
  const env = { ORAS_USER: user, ORAS_PULL_PASS: password };
  const args = ["pull", "--all", `${address}/${repository}`, "-o", folder];
  const { code, stderr } = await runTool("oras-push", args, { env });
  if (code !== 0) throw new Error(`cannot pull ${repository}: ${stderr}`);
  return Object.fromEntries(readdirSync(folder).map((tag) => [tag, filesBelow(join(folder, tag))]));
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .sort();
}
