import type { BenchRun, Sample } from "./result.ts";
import { spreadOf } from "./statistics.ts";
import { isOurs, toolOf } from "./styles.ts";

/** The tools to compare with. `oras` does the same work as our tools. `pigz` and `gzip` do only the compression. */
const PEERS: readonly string[] = ["oras", "pigz", "gzip"];

/** Ratios from 1 / TOLERANCE to TOLERANCE count as equal. */
const TOLERANCE = 1.05;

/** A comparison of one of our tools with another tool for the same work. All values are medians. */
export interface Comparison {
  readonly work: string;
  /** How both tools did the work, such as `8 at a time`. Empty if there is only one way. */
  readonly variant: string;
  /** The other tool's command, such as `oras push`. */
  readonly peer: string;
  /** The other tool, such as `oras`. */
  readonly tool: string;
  /** Our time divided by the other tool's time. */
  readonly time: number;
  /** Our memory divided by the other tool's memory. */
  readonly memory: number;
  readonly seconds: Sides;
  /** Anonymous memory, in MiB. */
  readonly mebibytes: Sides;
}

/** The values of both tools. */
export interface Sides {
  readonly ours: number;
  readonly peer: number;
}

/** Compares each of our contestants with the other tools that did the same work in the same variant. */
export function compareWithPeers({ works }: Pick<BenchRun, "works">): Comparison[] {
  return works.flatMap(({ name, samples }) => {
    const contestants = Object.entries(samples).filter(([, taken]) => taken.length > 0);
    return contestants
      .filter(([who]) => isOurs(who))
      .flatMap(([who, own]) =>
        contestants
          .filter(([other]) => PEERS.includes(toolOf(other)) && variantOf(other) === variantOf(who))
          .map(([other, theirs]) => compare(name, own, other, theirs)),
      );
  });
}

/** Classifies the ratio of our cost to another tool's cost. A ratio within the tolerance counts as equal. */
export function classify(ratio: number): "less" | "equal" | "more" {
  if (ratio > TOLERANCE) return "more";
  return ratio < 1 / TOLERANCE ? "less" : "equal";
}

function compare(name: string, own: readonly Sample[], other: string, theirs: readonly Sample[]): Comparison {
  const variant = variantOf(other);
  const sides = (field: "seconds" | "memory"): Sides => ({
    ours: spreadOf(own.map((sample) => sample[field])).median,
    peer: spreadOf(theirs.map((sample) => sample[field])).median,
  });
  const [seconds, mebibytes] = [sides("seconds"), sides("memory")];
  return {
    work: name,
    variant,
    peer: variant === "" ? other : other.slice(0, -variant.length - 2),
    tool: toolOf(other),
    time: seconds.ours / seconds.peer,
    memory: mebibytes.ours / mebibytes.peer,
    seconds,
    mebibytes,
  };
}

/**
 * Returns the part of a contestant's name after the command. For example, this part of `oras push, 8 at a time` is
 * `8 at a time`.
 */
function variantOf(contestant: string): string {
  return contestant.split(", ").slice(1).join(", ");
}
