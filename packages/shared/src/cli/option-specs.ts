/** The properties that all types of options share. */
interface SharedSpec {
  /** The short form of the option: one letter. */
  readonly alias?: string;
  /** Stands for the value in help texts, such as `DIR`. A text option with choices needs no placeholder. */
  readonly placeholder?: string;
  /** The effect of the option, in a phrase without a period. */
  readonly description: string;
  /** The default that help texts show, if the option has no `default` for the parsed value. */
  readonly shownDefault?: string;
}

interface FlagSpec extends SharedSpec {
  readonly type: "flag";
}

interface ListSpec extends SharedSpec {
  readonly type: "list";
}

interface TextSpec extends SharedSpec {
  readonly type: "text";
  readonly default?: string;
  readonly choices?: readonly string[];
}

interface NumberSpec extends SharedSpec {
  readonly type: "number";
  readonly default?: number;
}

/** One option of a command. Its type decides the type of the parsed value. */
export type OptionSpec = FlagSpec | ListSpec | TextSpec | NumberSpec;

/** The options of a command by their long names. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type OptionalUnlessDefault<S, T> = S extends { default: T } ? T : T | undefined;
type ValueOf<S extends OptionSpec> = S extends { type: "flag" }
  ? boolean
  : S extends { type: "list" }
    ? readonly string[]
    : S extends { type: "number" }
      ? OptionalUnlessDefault<S, number>
      : S extends { choices: readonly (infer Choice)[] }
        ? OptionalUnlessDefault<S, Choice>
        : OptionalUnlessDefault<S, string>;

/** The parsed values of a set of options, by their long names. */
export type OptionValues<S extends OptionSpecs> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** The options that every command has. */
export const COMMON_OPTIONS = {
  debug: { type: "flag", alias: "d", description: "log more: requests and stack traces, but no secrets" },
  help: { type: "flag", alias: "h", description: "show this help and exit" },
  version: { type: "flag", description: "show the version and exit" },
} as const satisfies OptionSpecs;
