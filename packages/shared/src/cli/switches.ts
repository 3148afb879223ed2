import type { OptionSpecs } from "./option-specs.ts";

/** A command line without the values of its switches. */
export interface WithoutSwitchValues {
  /** The arguments, with `--NAME` in place of each switch `--NAME=VALUE`. */
  readonly argv: readonly string[];
  /**
   * Maps the name of each switch to its values, in the order of the command line. For a plain `--NAME`, the value is
   * the result of {@link impliedValue}, such as `true`.
   */
  readonly given: ReadonlyMap<string, readonly string[]>;
}

/**
 * Separates the switches before `--` from their values. For example, `--plain-http=false` becomes `--plain-http` in
 * `argv`, and `given` contains the value `false`.
 */
export function takeSwitchValues(specs: OptionSpecs, argv: readonly string[]): WithoutSwitchValues {
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const given = new Map<string, string[]>();
  const plain = argv.slice(0, end).map((word) => {
    const [, name = "", value] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    const implied = impliedValue(specs, name);
    if (implied === undefined) return word;
    given.set(name, [...(given.get(name) ?? []), value ?? implied]);
    return `--${name}`;
  });
  return { argv: [...plain, ...argv.slice(end)], given };
}

/** The value that an option has if the user gives no value, as in `--NAME`. Undefined if the option is not a switch. */
function impliedValue(specs: OptionSpecs, name: string): string | undefined {
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (spec?.type === "flag") return spec.switch === true ? "true" : undefined;
  return spec?.type === "text" ? spec.implied : undefined;
}
