import { shortDigest } from "../oci/digest.ts";
import { durationOf, type Run, startOf } from "./run.ts";

/** Tables for people show this text instead of an unknown value. */
const UNKNOWN = "-";

/**
 * Characters that change how a terminal or a browser shows other characters: control characters, and characters that
 * set the direction of text.
 */
const INVISIBLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this function replaces control characters.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/**
 * Replaces a character with an escape such as `\u202e` if the character is invisible or changes the direction of text.
 * As a result, a value from an artifact can neither control a terminal nor look like another value.
 */
export function visibleText(text: string): string {
  return text.replace(INVISIBLE, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`).toWellFormed();
}

/** Formats a time in UTC, in whole seconds (RFC 3339). `time` is in milliseconds since 1970. */
export function dateText(time: number | undefined): string {
  return time === undefined ? UNKNOWN : new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}

/**
 * Formats a duration in at most two units, such as `1h 5m`. A duration below 10 seconds has one decimal place, such as
 * `0.3s`.
 */
export function durationText(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return UNKNOWN;
  if (milliseconds < 10_000) return `${(milliseconds / 1000).toFixed(1)}s`;
  const seconds = Math.round(milliseconds / 1000);
  const parts: readonly [string, number][] = [
    ["d", Math.floor(seconds / 86_400)],
    ["h", Math.floor(seconds / 3600) % 24],
    ["m", Math.floor(seconds / 60) % 60],
    ["s", seconds % 60],
  ];
  const first = parts.findIndex(([, value]) => value > 0);
  return parts
    .slice(first, first + 2)
    .filter(([, value]) => value > 0)
    .map(([unit, value]) => `${value}${unit}`)
    .join(" ");
}

/** Formats a number of bytes as a size with a binary unit, such as `1.5 MiB`. */
export function sizeText(bytes: number | undefined): string {
  if (bytes === undefined) return UNKNOWN;
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

/** Returns the exit code of a run as text. If the exit code is unknown, the text is the signal that ended the run. */
export function exitText({ exitCode, signal }: Run): string {
  return exitCode?.toString() ?? (signal === undefined ? UNKNOWN : visibleText(signal));
}

/** Formats the values of a run for people. Every text is on one line and has only visible characters. */
export function runCells(
  run: Run,
): Readonly<Record<"start" | "duration" | "size" | "exit" | "pod" | "node" | "digest", string>> {
  return {
    start: dateText(startOf(run)),
    duration: durationText(durationOf(run)),
    size: sizeText(run.size),
    exit: exitText(run),
    pod: run.pod === undefined ? UNKNOWN : visibleText(run.pod),
    node: run.node === undefined ? UNKNOWN : visibleText(run.node),
    digest: shortDigest(run.digest),
  };
}
