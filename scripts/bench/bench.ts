import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Job, type Measured, measure } from "./measured.ts";
import type { Growth, Row, Work } from "./result.ts";
import { spreadOf } from "./statistics.ts";
import type { Trees } from "./trees.ts";

/** How much is done. */
export interface Scale {
  /** Mebibytes of the large trees and files. */
  readonly large: number;
  /** Mebibytes of the largest. */
  readonly huge: number;
  /** Small files. */
  readonly files: number;
  readonly mostFiles: number;
  /** Pushes at once. */
  readonly pushes: number;
  readonly fewPushes: number;
  /** Rounds of what takes seconds, and of what takes milliseconds. */
  readonly rounds: number;
  readonly quickRounds: number;
  /** Seconds that the idle tools wait. */
  readonly wait: number;
  /** The levels of zstd and gzip for what is made once and pulled often. */
  readonly imageLevels: readonly [zstd: number, gzip: number];
}

/** The scale that the goals speak of. */
export const FULL: Scale = {
  large: 1024,
  huge: 10_240,
  files: 10_000,
  mostFiles: 100_000,
  pushes: 200,
  fewPushes: 8,
  rounds: 3,
  quickRounds: 21,
  wait: 600,
  imageLevels: [19, 9],
};

/** A scale that shows in seconds whether the bench works. */
export const QUICK: Scale = {
  large: 4,
  huge: 16,
  files: 100,
  mostFiles: 100,
  pushes: 3,
  fewPushes: 2,
  rounds: 1,
  quickRounds: 2,
  wait: 1,
  imageLevels: [1, 1],
};

/** The programs that we are measured against; undefined for one that is not on this machine. */
export interface Peers {
  readonly oras: string | undefined;
  readonly pigz: string | undefined;
  readonly gzip: string | undefined;
  readonly curl: string | undefined;
  readonly openssl: string | undefined;
  readonly zstd: string | undefined;
}

/** Somebody who does the work. */
export interface Contestant {
  readonly name: string;
  /** Undefined for a program that is not on this machine. */
  readonly job: ((round: number) => Job | Promise<Job>) | undefined;
  /** What has to be there before, or gone; not measured. */
  readonly before?: (round: number) => void | Promise<void>;
  /** Rounds, where fewer than the others' are enough. */
  readonly rounds?: number;
}

/** What was measured of each contestant, round by round. */
export type Contest = ReadonlyMap<string, readonly Measured[]>;

/** A registry of the bench. */
export interface BenchRegistry {
  readonly address: string;
  /** Forgets all blobs and tags. */
  empty(): void;
}

/** What the cases work with: it runs the contests and keeps what comes of them. */
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

  /** `folder` is for what is made and thrown away. */
  constructor(scale: Scale, trees: Trees, peers: Peers, registry: BenchRegistry, folder: string) {
    this.scale = scale;
    this.trees = trees;
    this.peers = peers;
    this.registry = registry;
    this.#folder = folder;
  }

  /**
   * Has contestants do a work in turns, each round in the other direction, so that what disturbs meets all of them; with
   * `inOrder`, always in their order.
   */
  async contest(work: string, rounds: number, contestants: readonly Contestant[], inOrder = false): Promise<Contest> {
    const able = contestants.filter(({ job }) => job !== undefined);
    for (const { name } of contestants.filter(({ job }) => job === undefined))
      this.missing.add(`${name}: not on this machine`);
    const measured = new Map<string, Measured[]>(able.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++)
      for (const contestant of inOrder || round % 2 === 0 ? able : able.toReversed()) {
        if (round >= (contestant.rounds ?? rounds)) continue;
        await contestant.before?.(round);
        const result = await measure((await contestant.job?.(round)) as Job);
        measured.get(contestant.name)?.push(result);
        say(`  ${work}: ${contestant.name} ${result.seconds.toFixed(2)} s, ${result.cpu.toFixed(2)} s CPU`);
      }
    const samples = Object.fromEntries(
      [...measured].map(([name, results]) => [name, results.map(({ stdout: _, ...sample }) => sample)]),
    );
    this.works.push({ name: work, samples });
    return measured;
  }

  /** Compares two contestants by the time of the rounds that both were in; nothing where one of them was missing. */
  ratio(work: string, contest: Contest, ours: string, peer: string, goal?: number): void {
    const own = contest.get(ours) ?? [];
    const values = (contest.get(peer) ?? []).flatMap(({ seconds }, round) => {
      const one = own[round];
      return one === undefined ? [] : [one.seconds / seconds];
    });
    if (values.length > 0) this.row({ work, figure: `x ${peer}`, values, ...(goal === undefined ? {} : { goal }) });
  }

  /** Keeps a figure. */
  row(row: Row): void {
    this.rows.push(row);
    const { median } = spreadOf(row.values);
    say(`${row.work}: ${shown(median)} ${row.figure}${row.goal === undefined ? "" : ` (goal ${row.goal})`}`);
  }

  /** An empty folder for a purpose; what was in it is gone. */
  emptyFolder(name: string): string {
    const folder = join(this.#folder, name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    return folder;
  }
}

/** A number with three digits that count. */
export function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function say(line: string): void {
  console.error(line);
}
