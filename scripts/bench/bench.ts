import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Job, type Measured, measure } from "./measure.ts";
import { formatNumber } from "./numbers.ts";
import type { Growth, Row, Work } from "./result.ts";
import { roundRatios, spreadOf } from "./statistics.ts";
import type { Trees } from "./trees.ts";

/** The amount of work. */
export interface Scale {
  /** Size of the large incompressible file, in MiB. */
  readonly large: number;
  /** Size of the large trees, in MiB. */
  readonly tree: number;
  /** Size of the largest tree, in MiB. */
  readonly huge: number;
  /** Number of small files. */
  readonly files: number;
  /** Largest number of small files in a growth plot. */
  readonly mostFiles: number;
  /** Number of parallel pushes. */
  readonly pushes: number;
  /** A smaller number of parallel pushes than `pushes`. The bench compares the throughputs of both numbers. */
  readonly fewPushes: number;
  /** Rounds of a work that takes seconds. */
  readonly rounds: number;
  /** Rounds of a work that takes milliseconds. */
  readonly quickRounds: number;
  /** Rounds of a work that takes milliseconds. Before this work, each round waits until the tools are idle. */
  readonly idleRounds: number;
  /** Minimum time that the idle tools wait, in seconds. */
  readonly wait: number;
  /**
   * Compression levels of image layers. A high level is worth its time, because a layer is compressed once and pulled
   * often.
   */
  readonly imageLevels: readonly [zstd: number, gzip: number];
}

/** The scale that the goals refer to. */
export const FULL: Scale = {
  large: 1024,
  tree: 512,
  huge: 4096,
  files: 10_000,
  mostFiles: 100_000,
  pushes: 200,
  fewPushes: 8,
  rounds: 3,
  quickRounds: 21,
  idleRounds: 11,
  wait: 600,
  imageLevels: [19, 9],
};

/** A small scale. A run with this scale takes seconds, and only checks that the bench works. */
export const QUICK: Scale = {
  large: 4,
  tree: 4,
  huge: 16,
  files: 100,
  mostFiles: 100,
  pushes: 3,
  fewPushes: 2,
  rounds: 1,
  quickRounds: 2,
  idleRounds: 2,
  wait: 1,
  imageLevels: [1, 1],
};

/**
 * The paths of the programs that the bench compares with our tools. A path is undefined if this machine does not have
 * the program.
 */
export interface Peers {
  readonly oras: string | undefined;
  readonly pigz: string | undefined;
  readonly gzip: string | undefined;
  readonly curl: string | undefined;
  readonly openssl: string | undefined;
  readonly zstd: string | undefined;
}

/** A command that does the work. */
export interface Contestant {
  /**
   * The command, such as `tar | pigz -6`. For a variant, a comma and a description follow the command, for example
   * `oras push, 8 at a time`. The table of styles must contain the tool of the command.
   */
  readonly name: string;
  /** Undefined if this machine does not have the program. */
  readonly job: ((round: number) => Job | Promise<Job>) | undefined;
  /** Prepares a round. The time of the preparation is not measured. */
  readonly before?: (round: number) => void | Promise<void>;
  /** Number of rounds. Set this field if this contestant needs fewer rounds than the other contestants. */
  readonly rounds?: number;
}

/** The measurements of each contestant, by round. */
export type Contest = ReadonlyMap<string, readonly Measured[]>;

/** The registry of the bench. */
export interface BenchRegistry {
  readonly address: string;
  /** Removes all blobs and tags. */
  empty(): void;
}

/** Runs the contests of the cases and collects their results. */
export class Bench {
  readonly scale: Scale;
  readonly trees: Trees;
  readonly peers: Peers;
  readonly registry: BenchRegistry;
  readonly rows: Row[] = [];
  readonly works: Work[] = [];
  readonly growth: Growth[] = [];
  readonly missing = new Set<string>();
  readonly #folder: string;

  /** `folder` is for temporary files. */
  constructor(scale: Scale, trees: Trees, peers: Peers, registry: BenchRegistry, folder: string) {
    this.scale = scale;
    this.trees = trees;
    this.peers = peers;
    this.registry = registry;
    this.#folder = folder;
  }

  /**
   * Measures the contestants one after the other in each round, so that a long disturbance affects all contestants.
   * Every second round runs in reverse order, so that no contestant always runs first. If `inOrder` is true, all rounds
   * run in the given order.
   */
  async runContest(
    work: string,
    rounds: number,
    contestants: readonly Contestant[],
    inOrder = false,
  ): Promise<Contest> {
    const available = contestants.filter(({ job }) => job !== undefined);
    for (const { name } of contestants.filter(({ job }) => job === undefined))
      this.missing.add(`${name}: this machine lacks the program`);
    const measured = new Map<string, Measured[]>(available.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++)
      for (const contestant of inOrder || round % 2 === 0 ? available : available.toReversed()) {
        if (round >= (contestant.rounds ?? rounds)) continue;
        await contestant.before?.(round);
        const result = await measure((await contestant.job?.(round)) as Job);
        measured.get(contestant.name)?.push(result);
        log(`  ${work}: ${contestant.name} ${result.seconds.toFixed(2)} s, ${result.cpu.toFixed(2)} s CPU`);
      }
    const samples = Object.fromEntries(
      [...measured].map(([name, results]) => [name, results.map(({ stdout: _, ...sample }) => sample)]),
    );
    this.works.push({ name: work, samples });
    return measured;
  }

  /**
   * Adds the ratio of our time to the time of the contestant `peer`. Adds nothing if one of the two contestants did not
   * run.
   */
  addRatio(work: string, contest: Contest, ours: string, peer: string, goal?: number): void {
    const values = roundRatios(secondsOf(contest.get(ours)), secondsOf(contest.get(peer)));
    const figure = `x the time of ${peer}`;
    if (values.length > 0) this.addRow({ work, figure, values, ...(goal === undefined ? {} : { goal }) });
  }

  /** Adds a figure. */
  addRow(row: Row): void {
    this.rows.push(row);
    const { median } = spreadOf(row.values);
    log(`${row.work}: ${formatNumber(median)} ${row.figure}${row.goal === undefined ? "" : ` (goal ${row.goal})`}`);
  }

  /** Creates an empty folder. Removes an earlier folder of the same name. */
  emptyFolder(name: string): string {
    const folder = join(this.#folder, name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    return folder;
  }
}

/** Returns the time of each round of a contestant. Returns an empty list if the contestant did not run. */
export function secondsOf(results: readonly Measured[] | undefined): number[] {
  return (results ?? []).map(({ seconds }) => seconds);
}

function log(line: string): void {
  console.error(line);
}
