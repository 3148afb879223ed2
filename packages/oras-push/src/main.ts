import { type Command, type Io, runCommand, runProcess } from "wait-fs/cli";
import { datedLog, type Log, plainLog } from "wait-fs/log";
import { oneLine } from "wait-fs/tool-error";
import { anySignal, deadline } from "wait-fs/wait";
import type { ArtifactContext } from "./artifact.ts";
import { formatReference } from "./oci/reference.ts";
import { PULL_USAGE, pullPlan } from "./options/pull.ts";
import { PUSH_USAGE, pushPlan } from "./options/push.ts";
import { SIDECAR_USAGE, type SidecarPlan, sidecarPlan } from "./options/sidecar.ts";
import { type Progress, plainProgress } from "./progress.ts";
import { progressBars } from "./progress-bars.ts";
import { podAnnotations } from "./provenance.ts";
import type { PushResult } from "./push.ts";
import { exportManifest, pushedObject, resultText, writeTerminationMessage } from "./result.ts";

/** A sidecar's registry often starts together with its pod: its failures are met with another try for this many seconds. */
const SIDECAR_RETRY_SECONDS = 120;

const pushCommand: Command<typeof PUSH_USAGE.options> = {
  ...PUSH_USAGE,
  run: async (line, io) => {
    const plan = pushPlan(line, io.env);
    const { pushArtifact } = await import("./artifact.ts");
    const pushed = await withProgress(io, plan.noTty, async (context) => {
      const results = await pushArtifact(plan.references, plan.paths, plan, context);
      if (plan.exportManifest !== undefined) exportManifest(plan.exportManifest, results);
      return results.map(pushedObject);
    });
    io.stdout(resultText("Pushed", pushed, plan.format, line.options["oci-layout"]));
    const [first] = pushed;
    if (first !== undefined) writeTerminationMessage(plan.terminationMessage, first, contextOf(io).warn);
    return 0;
  },
};

const pullCommand: Command<typeof PULL_USAGE.options> = {
  ...PULL_USAGE,
  run: async (line, io) => {
    const plan = pullPlan(line, io.env);
    const { pullAll, pullArtifacts } = await import("./artifact.ts");
    const pulled = await withProgress(io, plan.noTty, (context) => {
      const [first] = plan.references;
      if (plan.all && first !== undefined) return pullAll(first, plan, plan, context);
      return pullArtifacts(plan.references, plan, plan, context);
    });
    io.stdout(resultText("Pulled", pulled, plan.format, line.options["oci-layout"]));
    return 0;
  },
};

const sidecarCommand: Command<typeof SIDECAR_USAGE.options> = {
  ...SIDECAR_USAGE,
  run: (line, io) => sidecar(sidecarPlan(line, io.env), line.args, io),
};

const COMMANDS = {
  pull: (argv: string[], io: Io) => runCommand(pullCommand, argv, io),
  sidecar: (argv: string[], io: Io) => runCommand(sidecarCommand, argv, io),
};

/** The `oras-push` executable: gives the exit code. */
export function main(argv: string[], io: Io): Promise<number> {
  const [name, ...rest] = argv;
  if (name === "pull" || name === "sidecar") return COMMANDS[name](rest, io);
  return runCommand(pushCommand, argv, io);
}

async function sidecar(plan: SidecarPlan, args: readonly string[], io: Io): Promise<number> {
  const signal = anySignal(io.interrupted(), deadline(plan.timeoutSeconds, "the application is not done"));
  const context = { ...contextOf(io), signal, retrySeconds: SIDECAR_RETRY_SECONDS };
  for (const text of introduction(plan, args)) context.log(text);
  const { runSidecar } = await import("./sidecar.ts");
  const result = await runSidecar(
    { ...plan, ...context, waitLog: datedLog("wait-fs", io.stderr) },
    {
      pull: async (folder) => {
        const { pullArtifacts } = await import("./artifact.ts");
        return pullArtifacts(plan.pullFrom, { folder, keepOldFiles: false }, plan, context);
      },
      push: async (reference, paths, annotations) => {
        const { pushArtifact } = await import("./artifact.ts");
        const layers = paths.map((path) => ({ path }));
        const provenance = { ...podAnnotations(io.env), ...annotations };
        const artifact = { ...plan, annotations: { ...provenance, ...plan.annotations } };
        const [result] = await pushArtifact([reference], layers, artifact, context);
        return pushedObject(result as PushResult);
      },
    },
  );
  if (result.pushed === undefined) return 0;
  io.stdout(resultText("Pushed", [result.pushed], plan.format));
  writeTerminationMessage(plan.terminationMessage, result.pushed, context.warn);
  return 0;
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
