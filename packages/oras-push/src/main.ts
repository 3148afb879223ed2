import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Command, type Io, runCommand, runProcess } from "wait-fs/cli";
import { isMet } from "wait-fs/condition";
import { watchLease } from "wait-fs/lease";
import { datedLog, plainLog } from "wait-fs/log";
import { type InitMarker, SHARE } from "wait-fs/markers";
import { openVolume, type SharedVolume } from "wait-fs/shared-volume";
import { oneLine, reasonOf, ToolError } from "wait-fs/tool-error";
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
  const interrupted = io.interrupted();
  const context = { ...contextOf(io), retrySeconds: SIDECAR_RETRY_SECONDS };
  for (const text of introduction(plan, args)) context.log(text);
  await makeShare(plan.share);
  const watcher = watchLease(join(plan.share, SHARE.lease));
  const volume = openVolume(plan.share, watcher);
  if (!isMet(plan.onlyIf, io.env)) return sitOut(plan, volume, interrupted);
  const [{ runSidecar }, { sidecarSteps }] = await Promise.all([import("./sidecar.ts"), import("./sidecar-steps.ts")]);
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
      writeTerminationMessage(plan.terminationMessage, pushed, context.warn);
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

async function makeShare(share: string): Promise<void> {
  try {
    // Where no volume is mounted, in a trial on one machine, either side may come first, and both write to it.
    if ((await mkdir(share, { recursive: true })) !== undefined) await chmod(share, 0o777);
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

function contextOf(io: Io) {
  return {
    env: io.env,
    signal: io.interrupted(),
    log: plainLog(io.stderr),
    warn: (text: string) => io.stderr(`oras-push: ${oneLine(text)}\n`),
  };
}

if (import.meta.main) await runProcess("oras-push", main);
