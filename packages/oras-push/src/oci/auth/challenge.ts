/** A registry's request for credentials (RFC 9110, section 11.6.1; distribution's token specification). */
export interface Challenge {
  /** The scheme in lower case, such as `basic` or `bearer`. */
  readonly scheme: string;
  /** The parameters. Each key is a name in lower case, such as `realm`, `service` or `scope`. */
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(`\\s*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))\\s*(?:,|$)`, "y");
const SCHEME = new RegExp(`\\s*(${TOKEN})(?=\\s|,|$)\\s*,?`, "y");

/**
 * Parses the challenges in `WWW-Authenticate` headers. Returns the challenges in the same order. Ignores all text after
 * a syntax error.
 */
export function parseChallenges(headers: string | readonly string[] | undefined): Challenge[] {
  const text = typeof headers === "string" ? headers : (headers ?? []).join(", ");
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  for (let position = 0; position < text.length; ) {
    PARAMETER.lastIndex = position;
    const parameter = PARAMETER.exec(text);
    const last = challenges.at(-1);
    if (parameter !== null && last !== undefined) {
      const [, name = "", quoted, plain] = parameter;
      last.parameters[name.toLowerCase()] = quoted === undefined ? (plain ?? "") : quoted.replace(/\\(.)/g, "$1");
      position = PARAMETER.lastIndex;
      continue;
    }
    SCHEME.lastIndex = position;
    const scheme = SCHEME.exec(text);
    if (scheme === null) break;
    challenges.push({ scheme: (scheme[1] ?? "").toLowerCase(), parameters: {} });
    position = SCHEME.lastIndex;
  }
  return challenges;
}
