/** Runs the real code of a process up to a step, with the results of the earlier steps. */
import type { LeaseState } from "shared/pod/lease-state";
import type { SharedVolume } from "shared/pod/shared-volume";
import type { Answer, Step } from "./world.ts";

/**
 * The results of a process's steps, and the events that the process has received. After a successful check, the value
 * of the check replaces the results of the steps in this check. There are two kinds of events: the pod is ending, or
 * the sidecar with the lease `id` has been dead for too long.
 */
export type History = readonly (Answer | Found | Event)[];

interface Found {
  readonly found: string;
  /** The number of enclosing checks. */
  readonly depth: number;
}

type Event = { readonly event: "ending" } | { readonly event: "sidecar timeout"; readonly id: string };

/**
 * The position of a process is before a step, or at the end of the process. `history` is the shortest history that
 * leads to this position.
 */
export type Position = { readonly history: History } & ({ readonly step: Step } | { readonly ended: string });

/** The parts of the model that replace the side effects of a process. */
export interface Seams {
  readonly perform: (step: Step) => Promise<Answer>;
  readonly volume: SharedVolume;
  readonly lease: () => Promise<LeaseState>;
  /** Returns whether the sidecar has been dead for too long. */
  readonly sidecarGone: () => Promise<boolean>;
  /** Aborts when the pod is ending. */
  readonly ending: AbortSignal;
}

/** The code of a process in the model. Returns the outcome of the process, in words that the invariants parse. */
export type Life = (seams: Seams) => Promise<string>;

/**
 * Returns the position of a process after a history. The code of a process depends only on the results of its steps. So
 * the history is the whole state of the process.
 */
export async function positionAfter(life: Life, given: History): Promise<Position> {
  const player = new Player(given);
  let ended: string | undefined;
  life(player.seams()).then(
    (outcome) => {
      ended = outcome;
    },
    (error: Error) => {
      ended = `threw ${error.message}`;
    },
  );
  // `life` waits only for the results of steps. So within a few turns of the event loop, `life` either reaches a step
  // without a result, or ends.
  for (let turns = 0; turns < 1000; turns++) {
    if (player.step !== undefined) return { step: player.step, history: player.history };
    if (ended !== undefined) return { ended, history: player.history };
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("the process neither performs a step nor ends");
}

/** Returns a history without the unsuccessful check that began at the index `from`. Events during the check remain. */
export function withoutCheck(history: History, from: number): History {
  return [...history.slice(0, from), ...history.slice(from).filter(isEvent)];
}

/** Gives a process the recorded results, and stops it at the first step without a recorded result. */
class Player {
  /** The first step without a result. */
  step: Step | undefined;
  history: (Answer | Found | Event)[] = [];
  readonly #given: History;
  readonly #ending = new AbortController();
  #timedOutLease: string | undefined;
  #next = 0;
  #depth = 0;

  constructor(given: History) {
    this.#given = given;
  }

  seams(): Seams {
    const perform = (step: Step) => this.#perform(step);
    const volume: SharedVolume = {
      folder: "/volume",
      read: async (name, parse) => {
        const text = await perform({ do: "read", name });
        return text === null ? undefined : parse(text);
      },
      write: async (name, content) => {
        const timeless = { ...content, startedAt: null, finishedAt: null };
        await perform({ do: "write", name, text: JSON.stringify(timeless) });
      },
      remove: async (name) => {
        await perform({ do: "remove", name });
      },
      until: (check, { signal }) => this.#until(check, signal),
    };
    const lease = async () => {
      const [kind, id] = ((await perform({ do: "see lease" })) as string).split(" ");
      return { kind, id } as LeaseState;
    };
    const sidecarGone = async () => {
      const [kind, id] = ((await perform({ do: "see sidecar's lease" })) as string).split(" ");
      return kind === "ended" && id === this.#timedOutLease;
    };
    return { perform, volume, lease, sidecarGone, ending: this.#ending.signal };
  }

  async #until<T>(check: () => Promise<T | undefined>, signal: AbortSignal | undefined): Promise<T> {
    for (;;) {
      this.#receiveEvents();
      signal?.throwIfAborted();
      const from = this.history.length;
      const known = this.#given[this.#next];
      if (isFound(known) && known.depth === this.#depth) {
        this.#next++;
        this.history.push(known);
        return JSON.parse(known.found) as T;
      }
      this.#depth++;
      const found = await check();
      this.#depth--;
      if (found !== undefined) {
        this.history = [...withoutCheck(this.history, from)];
        this.history.splice(from, 0, { found: JSON.stringify(found), depth: this.#depth });
        return found;
      }
      this.#receiveEvents();
      signal?.throwIfAborted();
      await this.#perform({ do: "wait", from });
    }
  }

  #perform(step: Step): Promise<Answer> {
    this.#receiveEvents();
    const answer = this.#given[this.#next];
    if (answer === undefined) {
      this.step = step;
      return new Promise(() => {});
    }
    this.#next++;
    this.history.push(answer);
    return Promise.resolve(answer as Answer);
  }

  #receiveEvents(): void {
    for (let entry = this.#given[this.#next]; isEvent(entry); entry = this.#given[this.#next]) {
      this.#next++;
      this.history.push(entry);
      if (entry.event === "ending") this.#ending.abort(new Error("the pod is ending"));
      else this.#timedOutLease = entry.id;
    }
  }
}

function isFound(entry: History[number] | undefined): entry is Found {
  return typeof entry === "object" && entry !== null && "found" in entry;
}

function isEvent(entry: History[number] | undefined): entry is Event {
  return typeof entry === "object" && entry !== null && "event" in entry;
}
