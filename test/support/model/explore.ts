/** Explores every interleaving of the steps of a launcher and a sidecar, with deaths and restarts at each step. */
import { SHARE } from "shared/pod/markers";
import { type History, type Life, type Position, positionAfter, withoutCheck } from "./process.ts";
import { afterDeath, applyStep, EMPTY_WORLD, type Step, type World } from "./world.ts";

/** The kind of a process. */
export type Side = "launcher" | "sidecar";

/** One process. `start` is 1 for the first process of a side, 2 for the second one, and so on. */
export interface Process {
  readonly start: number;
  readonly state: "running" | "dead" | "ended";
  readonly history: History;
  /** The outcome of a process that ended by itself. Null if the process runs or was killed. */
  readonly outcome: string | null;
  /** Whether the world has changed since this process began its last check. */
  readonly dirty: boolean;
}

/** The world and both processes at one moment. */
export interface State {
  readonly world: World;
  readonly launcher: Process;
  readonly sidecar: Process;
  /** Whether the pod is ending. In an ending pod, no process starts any more. */
  readonly ending: boolean;
  readonly deaths: Readonly<Record<Side, number>>;
}

/** The limits of an exploration. */
export interface Scenario {
  /** Returns the function that a process runs. `start` has the same meaning as in {@link Process}. */
  readonly life: (side: Side, start: number) => Life;
  /** The maximum number of deaths of each side. */
  readonly deaths: Readonly<Record<Side, number>>;
  /** Returns whether a stopped process can restart in this scenario. */
  readonly restarts: (process: Process, side: Side) => boolean;
  /** True if the pod can end while the launcher does not run. */
  readonly podEnds: boolean;
  /** The world at the start. The default is an empty world. */
  readonly world?: World;
  /** Markers that no process writes. A read of such a marker is a local step. */
  readonly unwritten?: readonly string[];
}

/** The result of an exploration. */
export interface Exploration {
  readonly states: number;
  /**
   * The states in which no process can continue. After such a state, only a death, a start or the end of the pod can
   * follow.
   */
  readonly ends: readonly State[];
}

const FRESH: Omit<Process, "start"> = { state: "running", history: [], outcome: null, dirty: false };
const FIRST: State = {
  world: EMPTY_WORLD,
  launcher: { ...FRESH, start: 1 },
  sidecar: { ...FRESH, start: 1 },
  ending: false,
  deaths: { launcher: 0, sidecar: 0 },
};
const OTHER = { launcher: "sidecar", sidecar: "launcher" } as const;

/** The name of a process in the world. */
export const nameOf = (side: Side, start: number): string => `${side}-${start}`;

/** Visits every reachable state, and calls `check` with each state. */
export async function explore(scenario: Scenario, check: (state: State) => void): Promise<Exploration> {
  const numbering = new Numbering();
  const position = positionCache(scenario, numbering);
  const first = { ...FIRST, world: scenario.world ?? EMPTY_WORLD };
  const seen = new Set([numbering.keyOf(first)]);
  const pending: State[] = [first];
  const ends: State[] = [];
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    check(state);
    const { next, isEnd } = await nextStates(state, scenario, position);
    if (isEnd) ends.push(state);
    for (const to of next) {
      const key = numbering.keyOf(to);
      if (seen.has(key)) continue;
      seen.add(key);
      pending.push(to);
    }
  }
  return { states: seen.size, ends };
}

/** Gives each distinct value a number, so that the key of a state is short. Serializes each object only once. */
class Numbering {
  readonly #byText = new Map<string, number>();
  readonly #byValue = new WeakMap<object, number>();

  /** The key of a state. Equal states have equal keys. */
  keyOf({ world, launcher, sidecar, ending, deaths }: State): string {
    const values = [world, launcher, sidecar].map((value) => this.numberOf(value)).join(" ");
    return `${values} ${ending} ${deaths.launcher} ${deaths.sidecar}`;
  }

  /** The number that stands for a value in a key. Equal values have the same number. */
  numberOf(value: object): number {
    const known = this.#byValue.get(value);
    if (known !== undefined) return known;
    const text = JSON.stringify(value);
    const number = this.#byText.get(text) ?? this.#byText.size;
    this.#byText.set(text, number);
    this.#byValue.set(value, number);
    return number;
  }
}

/** Returns a function that computes the position of a process, and stores the result for later calls. */
function positionCache(scenario: Scenario, numbering: Numbering): PositionOf {
  const positions = new Map<string, Position>();
  return async (side, process) => {
    const key = `${side} ${numbering.numberOf(process)}`;
    const known = positions.get(key) ?? (await positionAfter(scenario.life(side, process.start), process.history));
    positions.set(key, known);
    return known;
  };
}

/** Returns the states that can follow a state. `isEnd` is true if no process can continue from `state`. */
async function nextStates(
  state: State,
  scenario: Scenario,
  position: PositionOf,
): Promise<{ readonly next: readonly State[]; readonly isEnd: boolean }> {
  const steps = await stepsOf(state, position, scenario);
  const timeouts = await timeoutsOf(state, position);
  const isEnd = steps.length === 0 && timeouts.length === 0;
  const next = steps.map(({ to }) => to);
  if (steps.length === 1 && steps[0]?.local === true) return { next, isEnd };
  return { next: [...next, ...deathsOf(state, scenario), ...startsOf(state, scenario), ...timeouts], isEnd };
}

type PositionOf = (side: Side, process: Process) => Promise<Position>;

/** A possible step of one side. The step is local if the other side can neither observe nor affect it. */
interface Transition {
  readonly to: State;
  readonly local: boolean;
}

/** Returns the possible steps of the launcher and the sidecar. If one of them is local, returns only this step. */
async function stepsOf(state: State, position: PositionOf, scenario: Scenario): Promise<Transition[]> {
  const steps: Transition[] = [];
  for (const side of ["launcher", "sidecar"] as const) {
    const step = await stepOf(side, state, position, scenario);
    if (step?.local === true) return [step];
    if (step !== undefined) steps.push(step);
  }
  return steps;
}

/** Returns the next step of a side. Returns undefined if the side cannot continue. */
async function stepOf(
  side: Side,
  state: State,
  position: PositionOf,
  { unwritten }: Scenario,
): Promise<Transition | undefined> {
  const process = state[side];
  if (process.state !== "running") return undefined;
  const now = await position(side, process);
  const who = nameOf(side, process.start);
  if ("ended" in now) {
    const ended: Process = { ...FRESH, start: process.start, state: "ended", outcome: now.ended };
    return { to: changed({ ...state, [side]: ended }, side, afterDeath(state.world, who)), local: false };
  }
  const { step } = now;
  if (step.do === "wait") {
    if (!process.dirty) return undefined;
    const again = { ...process, history: withoutCheck(now.history, step.from), dirty: false };
    return { to: { ...state, [side]: again }, local: false };
  }
  const { world, answer } = applyStep(state.world, step, who);
  const answered = { ...process, history: [...now.history, answer] };
  const after = { ...state, [side]: { ...answered, history: (await position(side, answered)).history } };
  return {
    to: world === state.world ? after : changed(after, side, world),
    local: isLocal(side, step, state.world, unwritten),
  };
}

/**
 * The markers that only the launcher writes. If the launcher tries to remove such a marker, but the marker does not
 * exist, the step is local, because the sidecar cannot create the marker.
 */
const LAUNCHER_MARKERS: readonly string[] = [SHARE.started, SHARE.done, SHARE.doneFailed];

function isLocal(side: Side, step: Step, world: World, unwritten: Scenario["unwritten"] = []): boolean {
  if (step.do === "read" && unwritten.includes(step.name)) return true;
  if (step.do === "settle" || step.do === "pull" || step.do === "place inputs") return true;
  return (
    side === "launcher" && step.do === "remove" && LAUNCHER_MARKERS.includes(step.name) && !(step.name in world.markers)
  );
}

function deathsOf(state: State, scenario: Scenario): State[] {
  return (["launcher", "sidecar"] as const)
    .filter((side) => state[side].state === "running" && state.deaths[side] < scenario.deaths[side])
    .map((side) => {
      const dead: Process = { ...FRESH, start: state[side].start, state: "dead" };
      const deaths = { ...state.deaths, [side]: state.deaths[side] + 1 };
      return changed({ ...state, deaths, [side]: dead }, side, afterDeath(state.world, nameOf(side, dead.start)));
    });
}

function startsOf(state: State, scenario: Scenario): State[] {
  if (state.ending) return [];
  const starts = (["launcher", "sidecar"] as const)
    .filter((side) => state[side].state !== "running" && scenario.restarts(state[side], side))
    .map((side) => ({ ...state, [side]: { ...FRESH, start: state[side].start + 1 } }));
  if (!scenario.podEnds || state.launcher.state === "running") return starts;
  const { sidecar } = state;
  const ending = { ...state, ending: true };
  if (sidecar.state !== "running") return [...starts, ending];
  const notified: Process = { ...sidecar, history: [...sidecar.history, { event: "ending" }] };
  // If PID 1 cannot handle a signal yet, the kernel discards the signal.
  const unnotified = sidecar.history.length === 0 ? [ending] : [];
  return [...starts, { ...ending, sidecar: notified }, ...unnotified];
}

/**
 * Returns the states after a timeout of the launcher. If the sidecar is dead, a waiting launcher can time out at any
 * moment before another sidecar starts.
 */
async function timeoutsOf(state: State, position: PositionOf): Promise<State[]> {
  const { launcher, world } = state;
  if (launcher.state !== "running" || world.sidecarLease.kind !== "ended") return [];
  const now = await position("launcher", launcher);
  if (!("step" in now) || now.step.do !== "wait") return [];
  const { id } = world.sidecarLease;
  if (launcher.history.some((entry) => typeof entry === "object" && entry !== null && "id" in entry && entry.id === id))
    return [];
  const notified: Process = {
    ...launcher,
    history: [...launcher.history, { event: "sidecar timeout", id }],
    dirty: true,
  };
  return [{ ...state, launcher: notified }];
}

/**
 * Returns the state after `side` has changed the world. Marks the process of the other side as dirty, so that it checks
 * again.
 */
function changed(state: State, side: Side, world: World): State {
  const other = OTHER[side];
  return { ...state, world, [other]: { ...state[other], dirty: true } };
}
