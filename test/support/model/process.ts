/** Runs the real life of a process up to a step, given the answers to the steps before. */
import type { LeaseState } from "shared/pod/lease-state";
import type { SharedVolume } from "shared/pod/shared-volume";
import type { Answer, Step } from "./world.ts";

/**
 * What a process was answered so far, as far as that matters: of a look that has found something, only what it found.
 * In between it is told of the pod's end, and that its patience is over with the lease `id` of a sidecar that is gone.
 */
export type History = readonly (Answer | Found | Told)[];

interface Found {
  readonly found: string;
  /** Within how many other looks. */
  readonly depth: number;
}

type Told = { readonly event: "ending" } | { readonly event: "patience over"; readonly id: string };

/** Where a process is: before a step, or at its end; and the shortest history that leads there. */
export type Position = { readonly history: History } & ({ readonly step: Step } | { readonly ended: string });

/** What a life gets of the model. */
export interface Seams {
  readonly ask: (step: Step) => Promise<Answer>;
  readonly volume: SharedVolume;
  readonly lease: () => Promise<LeaseState>;
  /** Whether a sidecar has been gone for too long. */
  readonly sidecarGone: () => Promise<boolean>;
  /** Aborts when the pod is ending. */
  readonly ending: AbortSignal;
}

/** A life in the model: gives how it ended, in words that the invariants understand. */
export type Life = (seams: Seams) => Promise<string>;

/**
 * Where a life is after a history: all that it does in between is its own code. A life depends on its answers alone, so
 * its history is its state.
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
  // A life waits for nothing but its answers: a few turns of the event loop bring it there.
  for (let turns = 0; turns < 1000; turns++) {
    if (player.step !== undefined) return { step: player.step, history: player.history };
    if (ended !== undefined) return { ended, history: player.history };
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("a life neither asks nor ends");
}

/** A history without the look that began at `from` and found nothing; what was told meanwhile stays. */
export function withoutLook(history: History, from: number): History {
  return [...history.slice(0, from), ...history.slice(from).filter(isTold)];
}

/** Gives a life the answers that it got before, and stops it at the first step without one. */
class Player {
  /** The step that the life is before. */
  step: Step | undefined;
  history: (Answer | Found | Told)[] = [];
  readonly #given: History;
  readonly #ending = new AbortController();
  #abandoned: string | undefined;
  #next = 0;
  #depth = 0;

  constructor(given: History) {
    this.#given = given;
  }

  seams(): Seams {
    const ask = (step: Step) => this.#ask(step);
    const volume: SharedVolume = {
      folder: "/volume",
      read: async (name, parse) => {
        const text = await ask({ do: "read", name });
        return text === null ? undefined : parse(text);
      },
      write: async (name, content) => {
        const timeless = { ...content, startedAt: null, finishedAt: null };
        await ask({ do: "write", name, text: JSON.stringify(timeless) });
      },
      remove: async (name) => {
        await ask({ do: "remove", name });
      },
      until: (look, { signal }) => this.#until(look, signal),
    };
    const lease = async () => {
      const [kind, id] = ((await ask({ do: "see lease" })) as string).split(" ");
      return { kind, id } as LeaseState;
    };
    const sidecarGone = async () => {
      const [kind, id] = ((await ask({ do: "see sidecar's lease" })) as string).split(" ");
      return kind === "ended" && id === this.#abandoned;
    };
    return { ask, volume, lease, sidecarGone, ending: this.#ending.signal };
  }

  async #until<T>(look: () => Promise<T | undefined>, signal: AbortSignal | undefined): Promise<T> {
    for (;;) {
      this.#hear();
      signal?.throwIfAborted();
      const from = this.history.length;
      const known = this.#given[this.#next];
      if (isFound(known) && known.depth === this.#depth) {
        this.#next++;
        this.history.push(known);
        return JSON.parse(known.found) as T;
      }
      this.#depth++;
      const found = await look();
      this.#depth--;
      if (found !== undefined) {
        this.history = [...withoutLook(this.history, from)];
        this.history.splice(from, 0, { found: JSON.stringify(found), depth: this.#depth });
        return found;
      }
      this.#hear();
      signal?.throwIfAborted();
      await this.#ask({ do: "wait", from });
    }
  }

  #ask(step: Step): Promise<Answer> {
    this.#hear();
    const answer = this.#given[this.#next];
    if (answer === undefined) {
      this.step = step;
      return new Promise(() => {});
    }
    this.#next++;
    this.history.push(answer);
    return Promise.resolve(answer as Answer);
  }

  #hear(): void {
    for (let entry = this.#given[this.#next]; isTold(entry); entry = this.#given[this.#next]) {
      this.#next++;
      this.history.push(entry);
      if (entry.event === "ending") this.#ending.abort(new Error("the pod is ending"));
      else this.#abandoned = entry.id;
    }
  }
}

function isFound(entry: History[number] | undefined): entry is Found {
  return typeof entry === "object" && entry !== null && "found" in entry;
}

function isTold(entry: History[number] | undefined): entry is Told {
  return typeof entry === "object" && entry !== null && "event" in entry;
}
