import { createServer } from "node:net";
import { dirname } from "node:path";
import { listen } from "../../../support/registry/server.ts";
import { toolPath } from "../../../support/tools.ts";
import { type Bench, secondsOf } from "../bench.ts";
import { FIRST_BYTE, OPERATOR_SECONDS, SECONDS, TAG } from "../names.ts";
import { roundRatios } from "../statistics.ts";
import { endStep } from "./waiting-sidecar.ts";

/** Measures the time from the done marker to the first byte that the registry receives. */
export async function measureFirstByte(bench: Bench): Promise<void> {
  const values: number[] = [];
  for (let round = 0; round < bench.scale.idleRounds; round++) values.push(await markerToByte(bench));
  bench.addRow({ work: FIRST_BYTE, figure: "ms", values, goal: 15 });
}

async function markerToByte(bench: Bench): Promise<number> {
  const server = createServer();
  const sockets: { destroy(): void }[] = [];
  const received = new Promise<number>((resolve) => {
    server.on("connection", (socket) => {
      socket.once("data", () => resolve(performance.now())).on("error", () => {});
      sockets.push(socket);
    });
  });
  const { sidecar, launcher, marked } = await endStep(bench, `${await listen(server)}/bench/reaction:1`);
  const passed = (await received) - (await marked);
  sidecar.child.kill("SIGKILL");
  for (const socket of sockets) socket.destroy();
  server.close();
  await Promise.all([sidecar.ended, launcher.ended]);
  return passed;
}

/**
 * The relevant steps of the two scripts of the ORAS Operator. One script copies the output and then writes the marker.
 * The other script polls for the marker every five seconds, and pushes when it finds the marker.
 */
const OPERATOR = [
  "share=$1 from=$2 oras=$3 reference=$4 seconds=$5",
  'mkdir "$share/outputs"',
  '{ sleep "$seconds"; cp -R "$from" "$share/outputs/"; touch "$share/done.txt"; } &',
  'while [ ! -f "$share/done.txt" ]; do sleep 5; done',
  'cd "$share/outputs" && "$oras" push --plain-http "$reference" .',
].join("\n");

/** The same steps with our tools. */
const OURS = [
  "share=$1 from=$2 tools=$3 reference=$4 seconds=$5",
  '"$tools/oras-push" sidecar --share "$share" NA "$reference" 2>&1 &',
  '"$tools/launcher" --share "$share" --output "$from" -- sleep "$seconds"',
  "wait",
].join("\n");

/**
 * Measures the time from the application's end to the tag, with our tools and with the scripts of the ORAS Operator.
 */
export async function measureTag(bench: Bench): Promise<void> {
  const { scale, registry, trees, peers } = bench;
  const { oras } = peers;
  const from = trees.text(Math.min(10, scale.tree));
  const rounds = Math.min(3, scale.quickRounds);
  // The application ends at a different moment of the polling interval in each round.
  const lifetime = (round: number) => ((round + 0.5) / rounds) * Math.min(5, scale.wait);
  const job = (script: string, program: string) => (round: number) => {
    const reference = `${registry.address}/bench/reaction:1`;
    const args = [bench.emptyFolder("reaction"), from, program, reference, String(lifetime(round))];
    return { argv: ["sh", "-c", script, "sh", ...args] as const };
  };
  const before = () => registry.empty();
  const [ours, theirs] = ["launcher and oras-push sidecar", "ORAS Operator scripts"] as const;
  const contest = await bench.runContest(TAG, rounds, [
    { name: ours, before, job: job(OURS, dirname(toolPath("launcher"))) },
    { name: theirs, before, job: oras === undefined ? undefined : job(OPERATOR, oras) },
  ]);
  const afterEnd = (who: string) => secondsOf(contest.get(who)).map((seconds, round) => seconds - lifetime(round));
  bench.addRow({ work: TAG, figure: SECONDS, values: afterEnd(ours) });
  if (oras === undefined) return;
  bench.addRow({ work: TAG, figure: OPERATOR_SECONDS, values: afterEnd(theirs) });
  const values = roundRatios(afterEnd(ours), afterEnd(theirs));
  bench.addRow({ work: TAG, figure: "x the time of the ORAS Operator scripts", values });
}
