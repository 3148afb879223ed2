import { join } from "node:path";
import { type Command, type Io, runCommand, runProcess } from "shared/cli/cli";
import { isMet } from "shared/cli/condition";
import { datedLog, type Log, plainLog } from "shared/cli/log";
import { tellingMisuse } from "shared/cli/misuse";
import { describeError, oneLine, reasonOf, ToolError } from "shared/cli/tool-error";
import { makeSharedFolders } from "shared/fs/folders";
import { watchLease } from "shared/pod/lease";
import { type FailureMarker, type InitMarker, SHARE } from "shared/pod/markers";
import { openVolume, type SharedVolume } from "shared/pod/shared-volume";
import type { ArtifactContext } from "./artifact/artifact.ts";
import { type Progress, plainProgress } from "./artifact/progress.ts";
import { progressBars } from "./artifact/progress-bars.ts";
import {
  exportManifest,
  leftFailure,
  leftText,
  pushedObject,
  resultText,
  writeTerminationMessage,
} from "./artifact/result.ts";
import { formatReference } from "./oci/reference.ts";
import { PULL_USAGE, pullPlan } from "./options/pull.ts";
import { PUSH_USAGE, pushPlan } from "./options/push.ts";
import { SIDECAR_USAGE, type SidecarPlan, sidecarPlan } from "./options/sidecar.ts";

/** A sidecar's registry often starts together with its pod: its failures are met with another try for this many seconds. */
const SIDECAR_RETRY_SECONDS = 120;

const pushCommand: Command<typeof PUSH_USAGE.options> = {
  ...PUSH_USAGE,
  run: async (line, io) => {
    const plan = pushPlan(line, io.env);
    const { pushArtifact } = await import("./artifact/artifact.ts");
    const pushed = await withProgress(io, plan.noTty, async (context) => {
      const results = await pushArtifact(plan.references, plan.paths, plan, context);
      if (plan.exportManifest !== undefined) exportManifest(plan.exportManifest, results);
      return results.map(pushedObject);
    });
    io.stdout(resultText("Pushed", pushed, plan.format, line.options["oci-layout"]));
    if (plan.paths.length === 0) contextOf(io).warn("no PATH is given: the artifact is without files");
    writeTerminationMessage(plan.terminationMessage, pushed, contextOf(io).warn);
    return 0;
  },
};

const pullCommand: Command<typeof PULL_USAGE.options> = {
  ...PULL_USAGE,
  run: async (line, io) => {
    const plan = pullPlan(line, io.env);
    const { pullAll, pullArtifacts } = await import("./artifact/artifact.ts");
    const { pulled, left } = await withProgress(io, plan.noTty, async (context) => {
      const [first] = plan.references;
      if (plan.all && first !== undefined) return pullAll(first, plan, plan, context);
      return { pulled: await pullArtifacts(plan.references, plan, plan, context), left: [] };
    });
    io.stdout(resultText("Pulled", pulled, plan.format, line.options["oci-layout"]) + leftText(left, plan.format));
    writeTerminationMessage(plan.terminationMessage, pulled, contextOf(io).warn);
    const failure = leftFailure(left, pulled.length);
    if (failure !== undefined) throw failure;
    return 0;
  },
};

const sidecarCommand: Command<typeof SIDECAR_USAGE.options> = {
  ...SIDECAR_USAGE,
  run: (line, io) => sidecar(sidecarPlan(line, io.env), line.args, io),
};

const COMMANDS = {
  pull: (argv: string[], io: Io) => runCommand(pullCommand, argv, io),
  sidecar: (argv: string[], io: Io) =>
    tellingMisuse(() => runCommand(sidecarCommand, argv, io), {
      argv,
      env: io.env,
      name: SHARE.initFailed,
      content: (failure): FailureMarker => {
        return { schema: 1, attempt: null, exitCode: failure.exitCode, error: describeError(failure) };
      },
    }),
};

/** The `oras-push` executable: gives the exit code. */
export function main(argv: string[], io: Io): Promise<number> {
  const [name, ...rest] = argv;
  if (name === "pull" || name === "sidecar") return COMMANDS[name](rest, io);
  return runCommand(pushCommand, argv, io);
}

async function sidecar(plan: SidecarPlan, args: readonly string[], io: Io): Promise<number> {
  const interrupted = io.interrupted();
  const context = { ...contextOf(io), retrySeconds: SIDECAR_RETRY_SECONDS };
  for (const text of introduction(plan, args)) context.log(text);
  makeShare(plan.share);
  const watcher = watchLease(join(plan.share, SHARE.lease));
  const volume = openVolume(plan.share, watcher);
  if (!isMet(plan.onlyIf, io.env)) return sitOut(plan, volume, interrupted);
  const [{ runSidecar }, { sidecarSteps }] = await Promise.all([
    import("./sidecar/sidecar.ts"),
    import("./sidecar/sidecar-steps.ts"),
    // When the application is done nobody should wait for it to be loaded.
    import("./artifact/artifact.ts"),
  ]);
  // A native sidecar is not ended by SIGTERM, it is told that the pod is ending: it finishes what there is.
  const never = new AbortController().signal;
  const [signal, ending] = plan.native ? [never, interrupted] : [interrupted, never];
  const steps = sidecarSteps(plan, context, watcher.state, signal);
  const { failure } = await runSidecar(
    plan,
    { volume, signal, ending, waitLog: datedLog("wait-fs", io.stderr), warn: context.warn },
    steps,
    ({ pushed }) => {
      if (pushed === undefined) return;
      io.stdout(resultText("Pushed", [pushed], plan.format));
      writeTerminationMessage(plan.terminationMessage, [pushed], context.warn);
    },
  );
  if (failure !== undefined) throw failure;
  return 0;
}

/** The life of a sidecar that is not wanted: a native one stays, for it would be started again, and lets the pod start. */
async function sitOut(plan: SidecarPlan, volume: SharedVolume, interrupted: AbortSignal): Promise<number> {
  if (!plan.native) return 0;
  await volume.write(SHARE.init, { schema: 1, by: "sidecar", inputs: [] } satisfies InitMarker);
  await volume
    .until(async () => undefined, { names: [], signal: interrupted })
    .catch((error) => {
      if (!interrupted.aborted) throw error;
    });
  return 0;
}

function makeShare(share: string): void {
  try {
    // Where no volume is mounted, in a trial on one machine, either side may come first, and both write to it.
    makeSharedFolders(share);
  } catch (error) {
    throw new ToolError("cannotCreate", `cannot create ${share}`, { why: reasonOf(error), cause: error });
  }
}

/** What the operator's script says first. */
function introduction(plan: SidecarPlan, args: readonly string[]): string[] {
  const sources = plan.pullFrom.map(formatReference).join(" ") || "NA";
  return [
    "Expecting: <pull-from> <push-to>",
    `Full provided set of arguments are ${oneLine(args.join(" "))}`,
    `Artifact URI to retrieve is: ${sources}`,
    `Artifact URI to push to is: ${plan.pushTo === undefined ? "NA" : formatReference(plan.pushTo)}`,
  ];
}

function contextOf(io: Io): ArtifactContext {
  return contextWith(io, plainLog(io.stderr), plainProgress(plainLog(io.stderr)));
}

function contextWith(io: Io, log: Log, progress: Progress): ArtifactContext {
  const warn = (text: string) => log(`oras-push: ${oneLine(text)}`);
  return { env: io.env, signal: io.interrupted(), log, warn, progress };
}

/** Does something with bars where stderr is a terminal, else with plain lines. */
async function withProgress<T>(io: Io, noTty: boolean, act: (context: ArtifactContext) => Promise<T>): Promise<T> {
  const columns = noTty ? undefined : io.columns?.();
  if (columns === undefined) return act(contextOf(io));
  const bars = progressBars({ write: io.stderr, columns: () => io.columns?.() ?? columns });
  try {
    return await act(contextWith(io, bars.print, bars));
  } finally {
    bars.close();
  }
}

if (import.meta.main) await runProcess("oras-push", main);
