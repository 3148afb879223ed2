import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Running } from "../../support/tools.ts";

/** What was seen of a process while it ran. */
export interface Seen {
  /** The most anonymous memory that it had, in MiB. */
  peakMemory: number;
  /** The regular files that it had open for writing. */
  readonly written: Set<string>;
}

const ACCESS_MODE = 0o3;

/** Looks at a process again and again until it ends. */
export async function watchProcess(running: Running): Promise<Seen> {
  const seen: Seen = { peakMemory: 0, written: new Set() };
  const timer = setInterval(() => look(running.pid, seen), 20);
  await running.ended;
  clearInterval(timer);
  return seen;
}

function look(pid: number, seen: Seen): void {
  try {
    const kilobytes = Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    seen.peakMemory = Math.max(seen.peakMemory, Math.round(kilobytes / 1024));
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const flags = Number.parseInt(
        /flags:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"))?.[1] ?? "0",
        8,
      );
      const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if ((flags & ACCESS_MODE) !== 0 && path.startsWith("/") && !path.startsWith("/dev/")) seen.written.add(path);
    }
  } catch {
    // It closed a file, or ended, while it was looked at.
  }
}
