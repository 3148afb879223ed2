import { type Comparison, classify, compareWithPeers } from "./comparison.ts";
import { FIRST_BYTE, MEMORY, OPERATOR_SECONDS, SECONDS, SIDECAR_WAITS, SMALL_FILE, TAG } from "./names.ts";
import { formatNumber } from "./numbers.ts";
import type { BenchRun, Row } from "./result.ts";
import { spreadOf } from "./statistics.ts";
import { reachesGoal } from "./table.ts";

/**
 * Returns Markdown text about the number of missed goals. Also says for each compared tool how often our tool was
 * slower or faster.
 */
export function describeSummary(run: BenchRun): string {
  const comparisons = compareWithPeers(run);
  return [describeGoals(run.rows), ...[...Map.groupBy(comparisons, ({ tool }) => tool)].map(describeTool)]
    .map(formatItem)
    .join("\n");
}

/**
 * Returns Markdown text about each work in which our tool is at least as fast as another tool, and about the reaction
 * times.
 */
export function describeStrongPoints(run: BenchRun): string {
  const fast = keepLargestSteps(run, compareWithPeers(run)).filter(({ time }) => classify(time) !== "more");
  return [...fast.map(describeSpeed), ...describeReaction(run.rows)].map(formatItem).join("\n");
}

/**
 * Returns Markdown text about each missed goal, each work in which another tool is faster than our tool, and each tool
 * that uses less memory than our tool.
 */
export function describeWeakSpots(run: BenchRun): string {
  const comparisons = compareWithPeers(run);
  const missed = run.rows.filter((row) => reachesGoal(row) === false);
  const slow = comparisons.filter(({ time }) => classify(time) === "more").toSorted((a, b) => b.time - a.time);
  return [
    formatSection("Goals not reached", missed.map(describeMissedGoal)),
    formatSection("Slower than another tool", slow.map(describeDelay)),
    formatSection("More memory than another tool", describeMemory(comparisons)),
  ].join("\n\n");
}

function describeGoals(rows: readonly Row[]): string {
  const answers = rows.map(reachesGoal).filter((answer) => answer !== undefined);
  const missed = answers.filter((answer) => !answer).length;
  return `The run missed ${missed} of ${answers.length} goals.`;
}

/**
 * Counts how often our tool was slower, about as fast, and faster than another tool. If our tool was slower, also names
 * the work with the largest ratio of our time to the other tool's time.
 */
function describeTool([tool, comparisons]: [string, readonly Comparison[]]): string {
  const count = (wanted: string) => comparisons.filter(({ time }) => classify(time) === wanted).length;
  const [worst] = comparisons.toSorted((a, b) => b.time - a.time);
  const slower = `Our tool was slower than \`${tool}\` in ${count("more")} of ${formatComparisons(comparisons.length)}`;
  const sentence = `${slower}, about as fast in ${count("equal")}, and faster in ${count("less")}.`;
  if (worst === undefined || classify(worst.time) !== "more") return sentence;
  return `${sentence} The largest loss is in this case: ${describeDelay(worst)}`;
}

/**
 * Returns all comparisons that belong to no growth plot. From each growth plot, returns only one comparison with each
 * peer: the comparison at the largest value of x.
 */
function keepLargestSteps({ growth }: BenchRun, comparisons: readonly Comparison[]): Comparison[] {
  const keyOf = ({ work, variant, peer }: Comparison) => {
    const plot = growth.find(({ works }) => works.includes(work));
    return JSON.stringify([plot?.name ?? work, variant, peer]);
  };
  return [...new Map(comparisons.map((one) => [keyOf(one), one])).values()];
}

function describeSpeed(comparison: Comparison): string {
  const isFaster = classify(comparison.time) === "less";
  return describeTimes(comparison, isFaster ? `${formatFactor(1 / comparison.time)} times as fast` : "about as fast");
}

function describeDelay(comparison: Comparison): string {
  return describeTimes(comparison, `${formatFactor(comparison.time)} times as long`);
}

function describeTimes(comparison: Comparison, ratio: string): string {
  const { peer, seconds } = comparison;
  const theirs = `\`${peer}\` (${formatNumber(seconds.peer)} s)`;
  return `${workOf(comparison)}: ${formatNumber(seconds.ours)} s, which is ${ratio} as with ${theirs}.`;
}

function describeReaction(rows: readonly Row[]): string[] {
  const median = (work: string, figure: string) => {
    const row = rows.find((one) => one.work === work && one.figure === figure);
    return row && formatNumber(spreadOf(row.values).median);
  };
  const [byte, tag, operatorTag] = [median(FIRST_BYTE, "ms"), median(TAG, SECONDS), median(TAG, OPERATOR_SECONDS)];
  const [small, memory] = [median(SMALL_FILE, "ms"), median(SIDECAR_WAITS, MEMORY)];
  return [
    ...(byte === undefined ? [] : [`The sidecar sends the first byte ${byte} ms after the done marker.`]),
    ...(small === undefined ? [] : [`For one small file, the registry has the tag ${small} ms after the done marker.`]),
    ...(tag === undefined ? [] : [`The registry has the tag ${tag} s after the application's end.`]),
    ...(operatorTag === undefined
      ? []
      : [`With the scripts of the ORAS Operator, it has the tag after ${operatorTag} s.`]),
    ...(memory === undefined ? [] : [`A waiting sidecar uses ${memory} MiB of memory.`]),
  ];
}

function describeMissedGoal({ work, figure, values, goal, atLeast }: Row): string {
  const bound = atLeast === true ? "at least" : "at most";
  return `**${work}**: ${formatNumber(spreadOf(values).median)} ${figure}. The goal is ${bound} ${goal}.`;
}

/**
 * Returns one line for each tool that uses less memory than our tool. The line contains the number of comparisons, the
 * range of ratios, and the largest difference.
 */
function describeMemory(comparisons: readonly Comparison[]): string[] {
  // If a process ends before the first memory sample, its memory is unknown.
  const measured = comparisons.filter(({ mebibytes }) => mebibytes.peer > 0);
  return [...Map.groupBy(measured, ({ tool }) => tool)].flatMap(([tool, all]) => {
    const more = all.filter(({ memory }) => classify(memory) === "more");
    const [largest] = more.toSorted((a, b) => differenceOf(b) - differenceOf(a));
    if (largest === undefined) return [];
    const { low, high } = spreadOf(more.map(({ memory }) => formatFactor(memory)).map(Number));
    const { ours, peer } = largest.mebibytes;
    return [
      `In ${more.length} of ${formatComparisons(all.length)}, our tool used more memory than \`${tool}\`: ` +
        `${low === high ? low : `${low} to ${high}`} times as much. The difference was largest for ` +
        `${workOf(largest)}: ${formatNumber(ours)} MiB instead of ${formatNumber(peer)} MiB.`,
    ];
  });
}

function formatComparisons(count: number): string {
  return count === 1 ? "1 comparison" : `${count} comparisons`;
}

function differenceOf({ mebibytes }: Comparison): number {
  return mebibytes.ours - mebibytes.peer;
}

function workOf({ work, variant }: Comparison): string {
  return variant === "" ? `**${work}**` : `**${work}, ${variant}**`;
}

function formatSection(title: string, lines: readonly string[]): string {
  return [`### ${title}`, "", ...(lines.length === 0 ? ["None."] : lines.map(formatItem))].join("\n");
}

function formatItem(text: string): string {
  return `- ${text}`;
}

/** A ratio with two significant digits. */
function formatFactor(ratio: number): string {
  return ratio >= 10 ? ratio.toFixed(0) : ratio.toPrecision(2);
}
