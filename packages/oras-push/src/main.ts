import { type Command, type Io, runCommand, runProcess } from "wait-fs/cli";
import { datedLog, plainLog } from "wait-fs/log";
import { oneLine } from "wait-fs/tool-error";
import { anySignal, deadline } from "wait-fs/wait";
import { formatReference } from "./oci/reference.ts";
import { PULL_USAGE, PUSH_USAGE, pullPlan, pushPlan, SIDECAR_USAGE, type SidecarPlan, sidecarPlan } from "./options.ts";
import { resultText, writeTerminationMessage } from "./result.ts";

/** A sidecar's registry often starts together with its pod: its failures are met with another try for this many seconds. */
const SIDECAR_RETRY_SECONDS = 120;

const pushCommand: Command<typeof PUSH_USAGE.options> = {
  ...PUSH_USAGE,
  run: async (line, io) => {
    const plan = pushPlan(line);
    const { pushArtifact } = await import("./artifact.ts");
    const context = contextOf(io);
    const pushed = await pushArtifact(plan.reference, plan.paths, plan, context);
    io.stdout(resultText("Pushed", [pushed], plan.format));
    writeTerminationMessage(plan.terminationMessage, pushed, context.warn);
    return 0;
  },
};

const pullCommand: Command<typeof PULL_USAGE.options> = {
  ...PULL_USAGE,
  run: async (line, io) => {
    const plan = pullPlan(line);
    const { pullArtifacts } = await import("./artifact.ts");
    const pulled = await pullArtifacts(plan.references, plan, plan, contextOf(io));
    io.stdout(resultText("Pulled", pulled, plan.format));
    return 0;
  },
};

const sidecarCommand: Command<typeof SIDECAR_USAGE.options> = {
  ...SIDECAR_USAGE,
  run: (line, io) => sidecar(sidecarPlan(line), line.args, io),
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
        const artifact = { ...plan, annotations: { ...annotations, ...plan.annotations } };
        return pushArtifact(reference, layers, artifact, context);
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

function contextOf(io: Io) {
  return {
    env: io.env,
    signal: io.interrupted(),
    log: plainLog(io.stderr),
    warn: (text: string) => io.stderr(`oras-push: ${oneLine(text)}\n`),
  };
}

if (import.meta.main) await runProcess("oras-push", main);
