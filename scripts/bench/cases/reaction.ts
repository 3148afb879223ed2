import { once } from "node:events";
import { watch } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SHARE } from "shared/pod/markers";
import { startTool, toolPath } from "../../../support/tools.ts";
import type { Bench } from "../bench.ts";

/** A sidecar that has seen something is at rest again after so long, in milliseconds. */
const SETTLE = 1500;

/** From the done marker to the first byte that the registry gets. */
export async function firstByte(bench: Bench): Promise<void> {
  const values: number[] = [];
  for (let round = 0; round < bench.scale.quickRounds; round++) values.push(await markerToByte(bench));
  bench.row({ work: "from the done marker to the first byte", figure: "ms", values, goal: 15 });
}

async function markerToByte(bench: Bench): Promise<number> {
  const share = bench.emptyFolder("reaction");
  const output = join(share, "output");
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const sidecar = startTool("oras-push", ["sidecar", "--share", share, "NA", `127.0.0.1:${port}/bench/reaction:1`]);
  const said = new Promise<void>((resolve) => {
    sidecar.child.stderr?.on("data", (text: string) => text.includes(SHARE.done) && resolve());
  });
  await said;
  await sleep(SETTLE);
  const marked = new Promise<number>((resolve) => {
    const watcher = watch(share, (_, name) => {
      if (name !== SHARE.done) return;
      resolve(performance.now());
      watcher.close();
    });
  });
  const sockets: { destroy(): void }[] = [];
  const heard = new Promise<number>((resolve) => {
    server.on("connection", (socket) => {
      socket.once("data", () => resolve(performance.now())).on("error", () => {});
      sockets.push(socket);
    });
  });
  // What the launcher's start sets going in the sidecar is over when the application ends.
  const script = `sleep ${SETTLE / 1000} && mkdir ${output} && echo done > ${output}/log`;
  const launcher = startTool("launcher", ["--share", share, "--output", output, "--", "sh", "-c", script], {
    env: { PATH: process.env.PATH },
  });
  const passed = (await heard) - (await marked);
  sidecar.child.kill("SIGKILL");
  for (const socket of sockets) socket.destroy();
  server.close();
  await Promise.all([sidecar.ended, launcher.ended]);
  return passed;
}

/** The operator's two scripts, as far as they matter here: a copy, a marker, a look every five seconds, a push. */
const OPERATOR = [
  "share=$1 from=$2 oras=$3 reference=$4 seconds=$5",
  'mkdir "$share/outputs"',
  '{ sleep "$seconds"; cp -R "$from" "$share/outputs/"; touch "$share/done.txt"; } &',
  'while [ ! -f "$share/done.txt" ]; do sleep 5; done',
  'cd "$share/outputs" && "$oras" push --plain-http "$reference" .',
].join("\n");

/** The same with our tools. */
const OURS = [
  "share=$1 from=$2 tools=$3 reference=$4 seconds=$5",
  '"$tools/oras-push" sidecar --share "$share" NA "$reference" 2>&1 &',
  '"$tools/launcher" --share "$share" --output "$from" -- sleep "$seconds"',
  "wait",
].join("\n");

/** From the application's end to the tag, beside what the operator puts into a pod today. */
export async function applicationToTag(bench: Bench): Promise<void> {
  const { scale, registry, trees, peers } = bench;
  const { oras } = peers;
  const from = trees.text(Math.min(10, scale.large));
  const rounds = Math.min(5, scale.quickRounds);
  // The application ends at any moment between two looks.
  const lifetime = (round: number) => ((round + 0.5) / rounds) * Math.min(5, scale.wait);
  const job = (script: string, program: string) => (round: number) => {
    const reference = `${registry.address}/bench/reaction:1`;
    const args = [bench.emptyFolder("reaction"), from, program, reference, String(lifetime(round))];
    return { argv: ["sh", "-c", script, "sh", ...args] as const };
  };
  const work = "from the application's end to the tag";
  const before = () => registry.empty();
  const contest = await bench.contest(work, rounds, [
    { name: "launcher and sidecar", before, job: job(OURS, dirname(toolPath("launcher"))) },
    { name: "the operator's way", before, job: oras === undefined ? undefined : job(OPERATOR, oras) },
  ]);
  const after = (who: string) => (contest.get(who) ?? []).map(({ seconds }, round) => seconds - lifetime(round));
  const ours = after("launcher and sidecar");
  bench.row({ work, figure: "s", values: ours });
  const theirs = after("the operator's way");
  if (theirs.length === 0) return;
  bench.row({ work, figure: "s, the operator's way", values: theirs });
  bench.row({
    work,
    figure: "x the operator's way",
    values: ours.map((own, round) => own / (theirs[round] as number)),
  });
}
