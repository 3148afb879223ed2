import type { OptionSpecs } from "./option-specs.ts";

/** A command line without the values of its switches. */
export interface WithoutSwitchValues {
  /** The arguments, with `--NAME` in place of each switch `--NAME=VALUE`. */
  readonly argv: readonly string[];
  /**
   * Maps the name of each switch to its values, in the order of the command line. A plain `--NAME` has the value
   * `true`.
   */
  readonly given: ReadonlyMap<string, readonly string[]>;
}

/**
 * Removes the values of switches from the arguments before `--`. For example, `--plain-http=false` becomes
 * `--plain-http`.
 */
export function takeSwitchValues(specs: OptionSpecs, argv: readonly string[]): WithoutSwitchValues {
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const given = new Map<string, string[]>();
  const plain = argv.slice(0, end).map((word) => {
    const [, name = "", value = "true"] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (!isSwitch(specs, name)) return word;
    given.set(name, [...(given.get(name) ?? []), value]);
    return `--${name}`;
  });
  return { argv: [...plain, ...argv.slice(end)], given };
}

function isSwitch(specs: OptionSpecs, name: string): boolean {
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  return spec?.type === "flag" && spec.switch === true;
}
