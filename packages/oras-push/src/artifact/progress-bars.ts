import { oneLine } from "shared/cli/tool-error";
import { type BlobReport, blobLine, type Progress } from "./progress.ts";

/** The terminal that shows the bars. */
export interface Terminal {
  write(text: string): void;
  /** The current width of the terminal, in characters. */
  columns(): number;
}

/** Shows progress as bars, below plain lines. */
export interface ProgressBars extends Progress {
  /** Writes a line above the bars. */
  print(line: string): void;
  /** Removes the bars. After this call, no bar is drawn. */
  close(): void;
}

/** Time between two updates, in milliseconds. */
const INTERVAL = 100;

/** Width of a bar between its brackets, in characters. */
const BAR_WIDTH = 20;

/**
 * The control codes EL and ED (ECMA-48) clear only the space after the new text. Therefore, no line becomes blank
 * during an update, and the bars do not flicker.
 */
const CLEAR_ROW = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** A visible bar. */
interface Bar {
  readonly title: string;
  /** The blob's size in bytes. The value is undefined if the blob is still being produced. */
  readonly total: number | undefined;
  done: number;
  /** The time at which the transfer started, in milliseconds. */
  started: number;
}

/**
 * Draws a bar for each active transfer, below the lines of finished transfers. Each update overwrites the previous
 * update in a single write, so that the bars do not flicker. A bar is never wider than the terminal. Reads the
 * terminal's width at each update. `now` returns the current time in milliseconds.
 */
export function progressBars(terminal: Terminal, now: () => number = () => performance.now()): ProgressBars {
  const bars = new Set<Bar>();
  const draw = drawer(bars, terminal, now);
  const print = (line: string) => draw(line);
  const timer = setInterval(() => draw(), INTERVAL);
  timer.unref();
  const report = (doneWord: string, title: string, total: number | undefined): BlobReport => {
    const bar: Bar = { title, total, done: 0, started: now() };
    bars.add(bar);
    draw();
    return {
      watch: (source) => counted(source, bar, now),
      done: (blob) => {
        bars.delete(bar);
        print(blobLine(doneWord, blob, title));
      },
    };
  };
  return {
    print,
    close: () => {
      clearInterval(timer);
      bars.clear();
      draw();
    },
    upload: (title, blob) => report("Uploaded", title, blob.size),
    download: (title, blob) => report("Downloaded", title, blob.size),
    exists: (title, blob) => print(blobLine("Exists", blob, title)),
    mounted: (title, blob) => print(blobLine("Mounted", blob, title)),
  };
}

/** Returns a function that draws the bars. The arguments of the returned function are lines to write above the bars. */
function drawer(bars: ReadonlySet<Bar>, terminal: Terminal, now: () => number): (...above: string[]) => void {
  let drawn: readonly string[] = [];
  return (...above) => {
    const width = terminal.columns();
    const lines = [...bars].map((bar) => barLine(bar, width, now()));
    if (above.length + lines.length + drawn.length === 0) return;
    const picture = [...above, ...lines].map((line) => `${line}${CLEAR_ROW}\n`).join("");
    terminal.write(`${backOver(drawn, width)}${picture}${CLEAR_BELOW}`);
    drawn = lines;
  };
}

/**
 * Resets a bar to zero. Then yields the content of a blob, and adds the number of yielded bytes to the bar. The reset
 * is necessary because a retry sends the whole content again.
 */
async function* counted(source: AsyncIterable<Buffer>, bar: Bar, now: () => number): AsyncGenerator<Buffer> {
  bar.done = 0;
  bar.started = now();
  for await (const chunk of source) {
    yield chunk;
    bar.done += chunk.length;
  }
}

/**
 * Returns the control code that moves the cursor back to the first line of the bars. If the terminal is narrower than
 * at the last update, each line may fill several rows.
 */
function backOver(lines: readonly string[], width: number): string {
  const rows = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / width)), 0);
  return rows === 0 ? "" : `\x1b[${rows}A\r`;
}

/** Formats a bar as one line. If necessary, truncates the title, so that the line is narrower than the terminal. */
function barLine({ title, total, done, started }: Bar, width: number, now: number): string {
  const seconds = Math.max((now - started) / 1000, 0.001);
  const numbers = `${total === undefined ? bytes(done) : `${bytes(done)}/${bytes(total)}`} ${bytes(done / seconds)}/s`;
  const line = total === undefined ? numbers : `${drawBar(total === 0 ? 1 : done / total)} ${numbers}`;
  return cut(`${line} ${oneLine(title)}`, width - 1);
}

function drawBar(part: number): string {
  const share = Math.min(part, 1);
  return `[${"=".repeat(Math.floor(share * BAR_WIDTH)).padEnd(BAR_WIDTH)}] ${String(Math.floor(share * 100)).padStart(3)}%`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Formats a number of bytes with a unit. */
function bytes(count: number): string {
  const power = Math.min(Math.max(0, Math.floor(Math.log10(Math.max(count, 1)) / 3)), UNITS.length - 1);
  const value = count / 1000 ** power;
  return `${value.toFixed(power === 0 || value >= 99.95 ? 0 : 1)} ${UNITS[power]}`;
}

/** Truncates text to a width. */
function cut(text: string, width: number): string {
  let kept = "";
  let room = width;
  for (const character of text) {
    room -= widthOf(character);
    if (room < 0) break;
    kept += character;
  }
  return kept;
}

/**
 * Returns the largest possible width of a text, in columns. A character outside of European alphabets may fill two
 * columns.
 */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += (character.codePointAt(0) as number) < 0x1100 ? 1 : 2;
  return width;
}
