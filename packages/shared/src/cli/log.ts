/** Writes one line of a tool's log. */
export type Log = (line: string) => void;

/** Discards all lines. */
export const silent: Log = () => {};

/** A log that adds nothing to its lines. The launcher and the sidecar use this log. */
export function plainLog(write: (text: string) => void): Log {
  return (line) => write(`${line}\n`);
}

/**
 * A log whose lines start with the tool's name, the local date and the time. `wait-fs` of the ORAS Operator writes its
 * lines in the same form.
 */
export function datedLog(tool: string, write: (text: string) => void, now: () => Date = () => new Date()): Log {
  return (line) => write(`🟧️  ${tool}: ${dateTime(now())} ${line}\n`);
}

/** A date as `2023/11/04 16:42:55`, local time. */
function dateTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}/${two(date.getMonth() + 1)}/${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
