import { wrapCommand, wrapText } from "./text-layout.ts";

/**
 * The maximum length of a line, in characters. An indented command line of this length fits on a terminal of 80
 * columns.
 */
const MAX_LINE = 66;

/** Escapes text for the body of a man page: backslashes, dashes, quotes, accents and no-break spaces. */
export function escapeRoff(text: string): string {
  const escapes: Readonly<Record<string, string>> = {
    "\\": "\\e",
    "-": "\\-",
    "'": "\\(aq",
    "`": "\\(ga",
    "^": "\\(ha",
    "~": "\\(ti",
    "\u00a0": "\\~",
  };
  return text.replace(/[\\\-'`^~\u00a0]/g, (character) => escapes[character] as string);
}

/** Breaks a paragraph into lines for the body of a man page. */
export function textLines(text: string): string[] {
  return wrapText(escapeRoff(text), MAX_LINE).split("\n").map(noMacro);
}

/** Breaks a command line into lines for the body of a man page. */
export function commandLines(command: string): string[] {
  return wrapCommand(command, MAX_LINE, "").split("\n").map(escapeRoff).map(noMacro);
}

/** Escapes a leading period, which would start a macro. */
function noMacro(line: string): string {
  return line.startsWith(".") ? `\\&${line}` : line;
}

/** Returns a line that calls a macro. Puts each argument in quotes. An argument may contain escapes, such as `\fB`. */
export function macroLine(name: string, ...args: readonly string[]): string {
  return [`.${name}`, ...args.map((argument) => `"${argument.replaceAll('"', "\\(dq")}"`)].join(" ");
}

/** Text in bold. */
export function bold(text: string): string {
  return `\\fB${escapeRoff(text)}\\fR`;
}

/** Returns a text in italics. Man pages show words in italics if the user must replace them. */
export function italic(text: string): string {
  return `\\fI${escapeRoff(text)}\\fR`;
}
