/** The shared volume and the registry as plain data, and the effect of each step of a process. */

/** One step of a process: a change of the world, or a query. */
export type Step =
  | { readonly do: "read" | "remove"; readonly name: string }
  | { readonly do: "write"; readonly name: string; readonly text: string }
  | {
      readonly do:
        | "see lease"
        | "take lease"
        | "release lease"
        | "take sidecar's lease"
        | "see sidecar's lease"
        | "clear copies"
        | "settle"
        | "place inputs"
        | "pull";
    }
  | { readonly do: "begin application" | "end application" }
  | { readonly do: "save copy" }
  | { readonly do: "read output"; readonly path: string }
  | { readonly do: "see tag"; readonly tag: string }
  /** Copies the state of the application to the folder of a checkpoint. */
  | { readonly do: "copy state"; readonly number: number }
  | { readonly do: "read checkpoint" | "restore checkpoint"; readonly folder: string }
  | { readonly do: "pull checkpoint"; readonly content: string }
  | { readonly do: "tag"; readonly tag: string; readonly content: string }
  /**
   * After an unsuccessful check, waits until the world has changed. `from` is the index in the history at which this
   * check began.
   */
  | { readonly do: "wait"; readonly from: number };

/** The result of a step. */
export type Answer = string | null;

/** Everything outside of the processes. Immutable. */
export interface World {
  readonly markers: Readonly<Record<string, string>>;
  readonly lease: LeaseInWorld;
  readonly sidecarLease: LeaseInWorld;
  /** Maps the path of each output to the attempt that wrote this output, and to the word `complete` or `partial`. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Maps the folder of each checkpoint on the volume to its content. */
  readonly checkpoints: Readonly<Record<string, string>>;
  /**
   * Contains one entry for each restored checkpoint. The entry is `newest` if this checkpoint was the newest one.
   * Otherwise, the entry says what is wrong with this checkpoint.
   */
  readonly restored: readonly string[];
  /** Maps each tag in the registry to its content. */
  readonly tags: Readonly<Record<string, string>>;
}

/** A lease, and the process that took it. */
interface LeaseInWorld {
  readonly kind: "none" | "held" | "ended";
  readonly id: string;
}

const FREE: LeaseInWorld = { kind: "none", id: "" };

/** An empty volume and an empty registry. */
export const EMPTY_WORLD: World = {
  markers: {},
  lease: FREE,
  sidecarLease: FREE,
  outputs: {},
  checkpoints: {},
  restored: [],
  tags: {},
};

/**
 * Two outputs. The application writes `direct` to the volume itself, and the launcher copies `copied` to the volume.
 */
export const OUTPUTS = { direct: "direct", copied: "outputs/copied" } as const;

/** Returns the content of an output that an attempt has written. `complete` says whether the output is complete. */
export const outputContent = (attempt: string, complete: boolean): string =>
  `${attempt} ${complete ? "complete" : "partial"}`;

/** The folder of a checkpoint on the volume. */
export const checkpointFolder = (number: number): string => `checkpoints/${number}`;

/** The content of a checkpoint. */
export const checkpointContent = (attempt: string, number: number): string => `${attempt} #${number}`;

/** Returns the number in the content of a checkpoint. Returns 0 if there is no content. */
export const numberOf = (content: string | undefined): number => Number(content?.split("#")[1] ?? 0);

/** Returns `newest` if the restored checkpoint is the newest one. Otherwise, describes the mistake. */
function restoredWord({ checkpoints, tags, markers }: World, folder: string): string {
  const content = checkpoints[folder];
  if (content === undefined) return "missing";
  const marker = markers["oras-operator-checkpoint.txt"];
  const announced = marker === undefined ? 0 : (JSON.parse(marker) as { number: number }).number;
  const newest = Math.max(announced, numberOf(tags["tag-checkpoint"]));
  return numberOf(content) === newest ? "newest" : `old ${content}, not ${newest}`;
}

/** Applies a step of the process `who`. Returns the new world and the result of the step. */
export function applyStep(world: World, step: Step, who: string): { readonly world: World; readonly answer: Answer } {
  const put = (outputs: Record<string, string>) => changed({ ...world, outputs: { ...world.outputs, ...outputs } });
  switch (step.do) {
    case "read":
      return { world, answer: world.markers[step.name] ?? null };
    case "remove":
      if (!(step.name in world.markers)) return { world, answer: null };
      return changed({ ...world, markers: without(world.markers, step.name) });
    case "write":
      return changed({ ...world, markers: { ...world.markers, [step.name]: step.text } });
    case "see lease":
      return { world, answer: `${world.lease.kind} ${world.lease.id}` };
    case "take lease":
      return changed({ ...world, lease: { kind: "held", id: who } });
    case "release lease":
      return changed({ ...world, lease: FREE });
    case "take sidecar's lease":
      return changed({ ...world, sidecarLease: { kind: "held", id: who } });
    case "see sidecar's lease":
      return { world, answer: `${world.sidecarLease.kind} ${world.sidecarLease.id}` };
    case "clear copies":
      return changed({ ...world, outputs: without(world.outputs, OUTPUTS.copied) });
    case "begin application":
      return put({ [OUTPUTS.direct]: outputContent(who, false) });
    case "end application":
      return put({ [OUTPUTS.direct]: outputContent(who, true) });
    case "save copy":
      return put({ [OUTPUTS.copied]: outputContent(who, true) });
    case "read output":
      return { world, answer: world.outputs[step.path] ?? null };
    case "see tag":
      return { world, answer: world.tags[step.tag] ?? null };
    case "tag":
      return changed({ ...world, tags: { ...world.tags, [step.tag]: step.content } });
    case "copy state":
      return changed({
        ...world,
        checkpoints: { ...world.checkpoints, [checkpointFolder(step.number)]: checkpointContent(who, step.number) },
      });
    case "read checkpoint":
      return { world, answer: world.checkpoints[step.folder] ?? null };
    case "restore checkpoint":
      return changed({ ...world, restored: [...world.restored, restoredWord(world, step.folder)] });
    case "pull checkpoint":
      return changed({ ...world, checkpoints: { ...world.checkpoints, "checkpoints/restored": step.content } });
    case "settle":
    case "place inputs":
    case "pull":
    case "wait":
      return { world, answer: null };
  }
}

/** Returns the world after the death of the process `who`. */
export function afterDeath(world: World, who: string): World {
  const { lease, sidecarLease } = world;
  if (lease.kind === "held" && lease.id === who) return { ...world, lease: { kind: "ended", id: who } };
  if (sidecarLease.kind === "held" && sidecarLease.id === who)
    return { ...world, sidecarLease: { kind: "ended", id: who } };
  return world;
}

function changed(world: World) {
  return { world, answer: null };
}

function without(record: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}
