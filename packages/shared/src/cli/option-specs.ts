/** The properties that all types of options share. */
interface SharedSpec {
  /** The short form of the option: one letter. */
  readonly alias?: string;
  /** The word for the value in help texts, such as `DIR`. A text option with choices needs no placeholder. */
  readonly placeholder?: string;
  /** The effect of the option, in a phrase without a period. */
  readonly description: string;
  /** Help texts show this text as the default value. Set this field only if the option has no field `default`. */
  readonly shownDefault?: string;
  /** Whether an environment variable can set the option. The default is true. */
  readonly environment?: false;
}

interface FlagSpec extends SharedSpec {
  readonly type: "flag";
  /**
   * If true, the forms `--NAME=true` and `--NAME=false` are also valid. If the user does not set the option, its value
   * is undefined instead of false.
   */
  readonly switch?: true;
}

interface ListSpec extends SharedSpec {
  readonly type: "list";
}

interface TextSpec extends SharedSpec {
  readonly type: "text";
  readonly default?: string;
  readonly choices?: readonly string[];
  /**
   * The value that a plain `--NAME` gives to the option. If this field is set, the option accepts a value only in the
   * form `--NAME=VALUE`.
   */
  readonly implied?: string;
}

interface NumberSpec extends SharedSpec {
  readonly type: "number";
  readonly default?: number;
  /** The valid numbers. The default is {@link FROM_ZERO}. */
  readonly range?: NumberRange;
}

/** A set of numbers. */
export interface NumberRange {
  /** The valid numbers in words, such as `0 or more`. Messages show these words after "must be". */
  readonly words: string;
  readonly includes: (value: number) => boolean;
}

/** Zero, and all positive numbers. */
export const FROM_ZERO: NumberRange = { words: "0 or more", includes: (value) => value >= 0 };

/** All positive numbers. */
export const ABOVE_ZERO: NumberRange = { words: "more than 0", includes: (value) => value > 0 };

/** The whole numbers from `least` to `most`. */
export function wholeNumbers(least: number, most: number = Number.POSITIVE_INFINITY): NumberRange {
  const words = `a whole number from ${least}${Number.isFinite(most) ? ` to ${most}` : ""}`;
  return { words, includes: (value) => Number.isInteger(value) && value >= least && value <= most };
}

/** One option of a command. The field `type` also determines the TypeScript type of the parsed value. */
export type OptionSpec = FlagSpec | ListSpec | TextSpec | NumberSpec;

/** The options of a command. Each key is the long name of an option. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type OptionalUnlessDefault<S, T> = S extends { default: T } ? T : T | undefined;
type ValueOf<S extends OptionSpec> = S extends { type: "flag" }
  ? S extends { switch: true }
    ? boolean | undefined
    : boolean
  : S extends { type: "list" }
    ? readonly string[]
    : S extends { type: "number" }
      ? OptionalUnlessDefault<S, number>
      : S extends { choices: readonly (infer Choice)[] }
        ? OptionalUnlessDefault<S, Choice>
        : OptionalUnlessDefault<S, string>;

/** The parsed values of a set of options. Each key is the long name of an option. */
export type OptionValues<S extends OptionSpecs> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** The options that every command has. */
export const COMMON_OPTIONS = {
  debug: { type: "flag", alias: "d", description: "also log requests and stack traces, but no secrets" },
  help: { type: "flag", alias: "h", description: "show this help and exit", environment: false },
  version: { type: "flag", description: "show the version and exit", environment: false },
} as const satisfies OptionSpecs;
