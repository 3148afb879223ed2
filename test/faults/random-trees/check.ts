/** Checks how a pod ended (docs/protocol.md). */
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { oneLine } from "shared/cli/tool-error";
import { shownPath } from "shared/fs/byte-path";
import { comparePulled } from "./compare.ts";
import { type Expectation, type Lost, namesOf } from "./expectation.ts";
import type { Plan, PodEnd } from "./run.ts";

const REASON = "dev.oras-pod-tools.run.reason";
const INCOMPLETE = "dev.oras-pod-tools.run.incomplete";

/** Checks the end of a pod against the expectation. Returns the kind of the end, for the figures. */
export function checkEnd(plan: Plan, expectation: Expectation, end: PodEnd, pulled: string): string {
  const { launcher, sidecar, tags, pull, ran } = end;
  const [tag, ...others] = tags.keys();
  assert.deepEqual(others, [], "there is more than one tag");
  if (expectation.refusal !== undefined) return checkRefusal(expectation.refusal, end);
  assert.ok(ran, "the command did not run");
  const counting = expectation.lost.filter(({ kind }) => plan.exitCode === 0 || kind !== "absent");
  const reported = end.doneFailed !== undefined;
  if (counting.some(({ certain }) => certain)) assert.ok(reported, `lost without a report: ${describe(counting)}`);
  if (counting.length === 0) assert.ok(!reported, `reported without a loss: ${end.doneFailed?.error}`);
  if (reported) checkReport(plan, counting, end);
  else {
    assert.equal(tag, plan.exitCode === 0 ? "t" : "t-failed");
    assert.deepEqual([launcher.code, sidecar.code], [plan.exitCode, 0], "exit codes of launcher and sidecar");
  }
  const required = expectation.roots.filter(({ optional }) => !optional);
  if (tag === undefined) assert.deepEqual(required, [], "nothing is pushed");
  else {
    assert.equal(pull?.code, 0, `the pull failed: ${pull?.stderr}`);
    checkContent(plan, expectation, end, pulled);
  }
  return `${tag ?? "nothing"} pushed, launcher exits with ${plan.exitCode === 0 ? launcher.code : "the command's code"}`;
}

function describe(lost: readonly Lost[]): string {
  return JSON.stringify(lost.map(({ kind, names }) => [kind, ...names.map(shownPath)]));
}

/** If the launcher refuses the paths of its outputs, it does not run the command, and the sidecar pushes nothing. */
function checkRefusal(refusal: "usage" | "unreadable", { launcher, sidecar, tags, ran, doneFailed }: PodEnd): string {
  assert.ok(!ran, "the command ran");
  assert.deepEqual([launcher.code, sidecar.code], [refusal === "usage" ? 64 : 66, 66]);
  assert.deepEqual([...tags.keys()], []);
  assert.equal(doneFailed?.phase, "init");
  return `refused: ${refusal}`;
}

/** Checks the report about lost paths: the exit codes, the log, the marker, and the annotations. */
function checkReport(plan: Plan, counting: readonly Lost[], { launcher, sidecar, tags, doneFailed }: PodEnd): void {
  const { missing = [], missingCount = 0, error, exitCode, phase } = doneFailed as NonNullable<typeof doneFailed>;
  assert.deepEqual([exitCode, phase], [plan.exitCode, "copy"]);
  const named = new Set(missing.map(({ path }) => resolve(plan.world.pod, path)));
  const explains = (lost: Lost) =>
    namesOf(plan.world, lost).some((name) => [...named].some((text) => isName(text, name)));
  if (missingCount <= 100)
    for (const lost of counting.filter(({ certain }) => certain))
      assert.ok(explains(lost), `the marker does not name ${describe([lost])}: ${JSON.stringify([...named])}`);
  const known = counting.flatMap((lost) => namesOf(plan.world, lost));
  for (const name of named)
    assert.ok(
      known.some((path) => isName(name, path)),
      `the marker names ${JSON.stringify(name)}, which is not lost`,
    );
  for (const { reason } of missing)
    assert.ok(launcher.stderr.includes(oneLine(reason).slice(0, 500)), `the log does not contain ${reason}`);
  const kinds = new Set(counting.filter(({ certain }) => certain).map(({ kind }) => kind));
  const code = kinds.has("unreadable") || kinds.has("absent") ? [66] : [66, 74];
  if (plan.exitCode !== 0) assert.equal(launcher.code, plan.exitCode);
  else assert.ok(code.includes(launcher.code ?? -1), `the launcher exits with ${launcher.code}: ${launcher.stderr}`);
  assert.equal(sidecar.code, 66, sidecar.stderr);
  const [artifact] = tags;
  if (artifact === undefined) return;
  const [tag, { annotations }] = artifact;
  assert.equal(tag, "t-incomplete");
  assert.equal(annotations[INCOMPLETE], "true");
  assert.equal(annotations[REASON], error?.slice(0, 1000));
  const reasons = missing.map(({ reason }) => reason);
  if (reasons.join("; ").length <= 700)
    for (const reason of reasons)
      assert.ok(annotations[REASON]?.includes(reason.slice(0, 500)), `the annotation lacks ${reason}`);
}

/** Whether a text from a marker names a path. In a marker, a long path is cut, and ends with `...`. */
function isName(text: string, path: string): boolean {
  return text === path || (text.endsWith("...") && path.startsWith(text.slice(0, -3)));
}

function checkContent(plan: Plan, { roots }: Expectation, { launcher, sidecar }: PodEnd, pulled: string): void {
  const log = `${launcher.stderr}${sidecar.stderr}`;
  for (const path of comparePulled(plan.world, roots, pulled)) {
    const shown = `/${oneLine(shownPath(path))}`;
    const named = [": ", " as a copy of "].some((text) => log.includes(`${shown}${text}`));
    assert.ok(path === "" || named, `the log does not name ${join("...", shownPath(path))}`);
  }
}
