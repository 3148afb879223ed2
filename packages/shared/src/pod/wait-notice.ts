import type { Log } from "../cli/log.ts";
import type { LeaseState, ReadLease } from "./lease-state.ts";
import type { SharedVolume } from "./shared-volume.ts";
import { NOTICE_SECONDS, type WaitNotice } from "./wait.ts";

/** An event that one side of a pod waits for. */
export interface Awaited {
  /** The event as text for messages, such as `the inputs`. */
  readonly event: string;
  /** The other side, which causes the event. */
  readonly side: "launcher" | "sidecar";
  readonly lease: ReadLease;
  /** The markers that end the wait. Each key is the name of a marker, and each value is the parser of this marker. */
  readonly markers: Readonly<Record<string, (text: string) => unknown>>;
}

/**
 * Returns the notice of a long wait. The notice says which event this process waits for, whether the other side is
 * running, and which existing markers are invalid.
 */
export function waitNotice(volume: SharedVolume, awaited: Awaited, log: Log): WaitNotice {
  const { event, side, lease } = awaited;
  return {
    log,
    text: async () => {
      const seen = [
        `${runningWords(await lease(), side)} on ${volume.folder}`,
        ...(await invalidMarkers(volume, awaited)),
      ];
      return `still waiting for ${event} after ${NOTICE_SECONDS} s: ${seen.join("; ")}`;
    },
  };
}

function runningWords({ kind }: LeaseState, side: string): string {
  if (kind === "none") return `no ${side} is running`;
  return kind === "held" ? `the ${side} is running` : `the ${side} has died`;
}

async function invalidMarkers(volume: SharedVolume, { markers }: Awaited): Promise<string[]> {
  const words: string[] = [];
  for (const [name, parse] of Object.entries(markers)) {
    const invalid = await volume.read(name, (text) => (parse(text) === undefined ? true : undefined));
    if (invalid) words.push(`${name} exists, but is invalid: expected a JSON object with the fields of this marker`);
  }
  return words;
}
