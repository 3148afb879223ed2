import { type OptionSpecs, wholeNumbers } from "shared/cli/option-specs";
import { alternatives } from "shared/cli/option-values";
import { type Note, type Usage, usageError } from "shared/cli/usage";
import { RUN_STATES, type RunState } from "../artifact/run-annotations.ts";
import { REGISTRY_OPTIONS } from "./registry.ts";

/** The default of `--concurrency`. */
const DEFAULT_REQUESTS = 16;

/** The registry options of all commands that read many artifacts. */
export const RESULTS_REGISTRY_OPTIONS = {
  ...REGISTRY_OPTIONS,
  concurrency: {
    type: "number",
    placeholder: "N",
    default: DEFAULT_REQUESTS,
    range: wholeNumbers(1),
    description: "send at most N requests at the same time",
  },
} as const satisfies OptionSpecs;

/** The states of a run. */
export const STATES_NOTE: Note = {
  title: "States",
  text: [
    "A STATE is succeeded, failed, incomplete, checkpoint or other. An incomplete run is a run whose launcher did not",
    "save all outputs. The state other means that the artifact is not the output of a run, for example an image.",
  ].join(" "),
};

/** Explains how a user names repositories on the command line. */
export const TARGETS_NOTE: Note = {
  title: "Repositories",
  text: [
    "A REPOSITORY is REGISTRY/NAME, without a tag. A PREFIX is a registry, or REGISTRY/NAME/ with a slash at the end. A",
    "PREFIX means all repositories whose names start with it. The registry must list its repositories.",
  ].join(" "),
};

/**
 * Parses the values of `--state`. Each value contains one or more states, separated by commas. Returns undefined if
 * there is no value. Throws a usage failure if a state does not exist.
 */
export function runStates(usage: Usage<OptionSpecs>, texts: readonly string[]): ReadonlySet<RunState> | undefined {
  if (texts.length === 0) return undefined;
  const names = texts.flatMap((text) => text.split(",")).map((name) => name.trim());
  return new Set(
    names.map((name) => {
      const state = RUN_STATES.find((known) => known === name);
      if (state === undefined)
        throw usageError(usage, `--state must be ${alternatives(RUN_STATES)}, not ${JSON.stringify(name)}`);
      return state;
    }),
  );
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 7 * 86_400 };

/**
 * Parses a duration such as `30d`, `12h` or `90m`. Returns milliseconds. Throws a usage failure if the text is invalid.
 */
export function parseDuration(usage: Usage<OptionSpecs>, option: string, text: string): number {
  const [, number, unit = ""] = /^(\d{1,9})([smhdw])$/.exec(text) ?? [];
  if (number === undefined)
    throw usageError(
      usage,
      `--${option} must be a number and a unit (s, m, h, d or w), such as 30d, not ${JSON.stringify(text)}`,
    );
  return Number(number) * (UNITS[unit] as number) * 1000;
}

/**
 * Parses a date such as `2026-01-31` or `2026-01-31T12:00:00Z`, or a duration such as `30d`. The duration `30d` means
 * the time 30 days before `now`. Returns milliseconds since 1970. A date without a time means the start of the day in
 * UTC. Throws a usage failure if the text is invalid.
 */
export function parseMoment(usage: Usage<OptionSpecs>, option: string, text: string, now: number): number {
  if (/^\d+[smhdw]$/.test(text)) return now - parseDuration(usage, option, text);
  const date = /^\d{4}-\d\d-\d\d([Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text.toUpperCase())
    : Number.NaN;
  if (Number.isNaN(date))
    throw usageError(
      usage,
      `--${option} must be a date or a duration, as in 2026-01-31 or 7d, not ${JSON.stringify(text)}`,
    );
  return date;
}
