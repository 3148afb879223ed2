/** The shared volume and the registry as plain data, and what each step of a process does to them. */

/** One step of a process: what it does to the world, or asks of it. */
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
  | { readonly do: "tag"; readonly tag: string; readonly content: string }
  /** Goes on once the world has changed; `from` is where in the process's history the look began that found nothing. */
  | { readonly do: "wait"; readonly from: number };

/** What a step gives to its process. */
export type Answer = string | null;

/** Everything outside of the processes; never changed in place. */
export interface World {
  readonly markers: Readonly<Record<string, string>>;
  readonly lease: LeaseInWorld;
  readonly sidecarLease: LeaseInWorld;
  /** The outputs by path: which attempt wrote them, and whether whole. */
  readonly outputs: Readonly<Record<string, string>>;
  /** What each tag of the registry names. */
  readonly tags: Readonly<Record<string, string>>;
}

/** A lease, and which process took it. */
interface LeaseInWorld {
  readonly kind: "none" | "held" | "ended";
  readonly id: string;
}

const FREE: LeaseInWorld = { kind: "none", id: "" };

/** A volume and a registry that nobody used yet. */
export const EMPTY_WORLD: World = { markers: {}, lease: FREE, sidecarLease: FREE, outputs: {}, tags: {} };

/** The output that the application writes on the volume itself, and the one that the launcher copies there. */
export const OUTPUTS = { direct: "direct", copied: "outputs/copied" } as const;

/** An output as the attempt `attempt` writes it, at its end or before. */
export const written = (attempt: string, whole: boolean): string => `${attempt} ${whole ? "whole" : "begun"}`;

/** Does a step of the process `who` (an attempt's name, or a sidecar's); gives the world after it and the answer. */
export function doStep(world: World, step: Step, who: string): { readonly world: World; readonly answer: Answer } {
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
      return put({ [OUTPUTS.direct]: written(who, false) });
    case "end application":
      return put({ [OUTPUTS.direct]: written(who, true) });
    case "save copy":
      return put({ [OUTPUTS.copied]: written(who, true) });
    case "read output":
      return { world, answer: world.outputs[step.path] ?? null };
    case "tag":
      return changed({ ...world, tags: { ...world.tags, [step.tag]: step.content } });
    case "settle":
    case "place inputs":
    case "pull":
    case "wait":
      return { world, answer: null };
  }
}

/** What the death of the process `who` does to the world. */
export function die(world: World, who: string): World {
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
