/** Reads the commands of the guide's walkthrough, and the output that the guide shows for them. */

/** Commands that the reader types at once. */
export interface Step {
  /** The number of the first line of the commands in the guide. */
  readonly line: number;
  /** The commands, as the text of a shell script. */
  readonly script: string;
  /** The output in the guide. Undefined if the guide shows no output. */
  readonly output?: string;
}

/** The heading of the first section with commands, and the heading of the first section after the walkthrough. */
const [FIRST, AFTER] = ["## Try it on one machine", "## Options by task"];

/** A command in the middle of a sentence. Other text in backticks only names programs, options or files. */
const INLINE_COMMAND = /`((?:kubectl|kind|podman|skopeo|npx)\s[^`]+)`/g;

const FENCE = "```";

/** The languages of blocks without commands. */
const OTHER_LANGUAGES = ["yaml"];

/** A part of a page: a code block with its language, or the text between two blocks. */
interface Part {
  readonly line: number;
  readonly language: string | undefined;
  readonly text: string;
}

/**
 * Returns the steps of the walkthrough, in the order of the text. Each block of the language `sh` is a step, and each
 * command in the middle of a sentence is a step. A block `console` shows the output of the block `sh` directly above
 * it. Throws if a block `console` has no such block above it, if a block has an unexpected language or is indented, or
 * if the page has no walkthrough.
 */
export function walkthroughSteps(page: string): Step[] {
  const steps: Step[] = [];
  const parts = partsOf(page);
  for (const [index, part] of parts.entries()) {
    if (part.language === "console") steps.push({ ...commandsOf(part, parts[index - 1], steps), output: part.text });
    else if (part.language === "sh") steps.push({ line: part.line, script: part.text });
    else if (part.language === undefined) steps.push(...inlineSteps(part));
    else if (!OTHER_LANGUAGES.includes(part.language))
      throw new Error(`line ${part.line}: unexpected ${part.language}`);
  }
  return steps;
}

/** Removes the last step from `steps`, and returns it. The caller adds this step again, with the step's output. */
function commandsOf(output: Part, before: Part | undefined, steps: Step[]): Step {
  const step = before?.language === "sh" ? steps.pop() : undefined;
  if (step === undefined) throw new Error(`line ${output.line}: there are no commands directly above this output`);
  return step;
}

function partsOf(page: string): Part[] {
  const lines = page.split("\n");
  const [first, after] = [lines.indexOf(FIRST), lines.indexOf(AFTER)];
  if (first < 0 || after < first) throw new Error(`the page has no walkthrough from "${FIRST}" to "${AFTER}"`);
  const parts: Part[] = [];
  for (let index = first; index < after; ) {
    const isBlock = lines[index]?.startsWith(FENCE) === true;
    const start = isBlock ? index + 1 : index;
    const end = lines.findIndex((line, number) => number >= start && line.startsWith(FENCE));
    const stop = end < 0 ? after : Math.min(end, after);
    const language = isBlock ? lines[index]?.slice(FENCE.length) : undefined;
    const text = lines.slice(start, stop).join("\n");
    if (isBlock || text.trim() !== "") parts.push({ line: start + 1, language, text });
    index = isBlock ? stop + 1 : stop;
  }
  return parts;
}

function inlineSteps({ line, text }: Part): Step[] {
  if (text.includes(FENCE)) throw new Error(`line ${line}: the text contains an indented block`);
  return [...text.matchAll(INLINE_COMMAND)].map(({ index, 1: command = "" }) => ({
    line: line + text.slice(0, index).split("\n").length - 1,
    script: command.replaceAll(/\s+/g, " "),
  }));
}
