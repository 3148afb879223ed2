import { oneLine } from "shared/cli/tool-error";
import { type BlobReport, blobLine, type Progress } from "./progress.ts";

/** The terminal that bars are drawn on. */
export interface Terminal {
  write(text: string): void;
  /** How wide it is now, in characters. */
  columns(): number;
}

/** Progress as bars, with plain lines above them. */
export interface ProgressBars extends Progress {
  /** Writes a line above the bars. */
  print(line: string): void;
  /** Takes the bars away; nothing is drawn after that. */
  close(): void;
}

/** Milliseconds between two pictures. */
const INTERVAL = 100;

/** Characters of a bar between its brackets. */
const BAR = 20;

/** What is written over is cleared only behind the new text (ECMA-48, EL and ED): nothing is blank in between. */
const CLEAR_ROW = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** A bar that is shown. */
interface Bar {
  readonly title: string;
  /** In bytes; undefined for a blob that is being made. */
  readonly total: number | undefined;
  done: number;
  /** When its first byte was due, in milliseconds. */
  started: number;
}

/**
 * Draws a bar for each blob that is under way, below the lines of those that are done. A picture is one write over the one
 * before it, so that nothing flickers; a bar is never wider than the terminal, whose width is asked for each time. `now`
 * gives milliseconds.
 */
export function progressBars(terminal: Terminal, now: () => number = () => performance.now()): ProgressBars {
  const bars = new Set<Bar>();
  let drawn: readonly string[] = [];
  const draw = (...above: string[]) => {
    const width = terminal.columns();
    const lines = [...bars].map((bar) => barLine(bar, width, now()));
    if (above.length + lines.length + drawn.length === 0) return;
    const picture = [...above, ...lines].map((line) => `${line}${CLEAR_ROW}\n`).join("");
    terminal.write(`${backOver(drawn, width)}${picture}${CLEAR_BELOW}`);
    drawn = lines;
  };
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

/** Passes bytes on and lets a bar grow; from nothing, for what is sent again begins again. */
async function* counted(source: AsyncIterable<Buffer>, bar: Bar, now: () => number): AsyncGenerator<Buffer> {
  bar.done = 0;
  bar.started = now();
  for await (const chunk of source) {
    yield chunk;
    bar.done += chunk.length;
  }
}

/** Back to the first of lines that were drawn: on a terminal that became narrower, each may stand on several rows by now. */
function backOver(lines: readonly string[], width: number): string {
  const rows = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / width)), 0);
  return rows === 0 ? "" : `\x1b[${rows}A\r`;
}

/** One bar as text that is narrower than the terminal: what does not fit is left out, the title first. */
function barLine({ title, total, done, started }: Bar, width: number, now: number): string {
  const seconds = Math.max((now - started) / 1000, 0.001);
  const numbers = `${total === undefined ? bytes(done) : `${bytes(done)}/${bytes(total)}`} ${bytes(done / seconds)}/s`;
  const line = total === undefined ? numbers : `${picture(total === 0 ? 1 : done / total)} ${numbers}`;
  return cut(`${line} ${oneLine(title)}`, width - 1);
}

function picture(part: number): string {
  const share = Math.min(part, 1);
  return `[${"=".repeat(Math.floor(share * BAR)).padEnd(BAR)}] ${String(Math.floor(share * 100)).padStart(3)}%`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** A number of bytes as people read it. */
function bytes(count: number): string {
  const power = Math.min(Math.max(0, Math.floor(Math.log10(Math.max(count, 1)) / 3)), UNITS.length - 1);
  const value = count / 1000 ** power;
  return `${value.toFixed(power === 0 || value >= 99.95 ? 0 : 1)} ${UNITS[power]}`;
}

/** The beginning of a text that is no wider than that. */
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

/** How wide a text is at the most: beyond the alphabets of Europe a character may take two columns. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += (character.codePointAt(0) as number) < 0x1100 ? 1 : 2;
  return width;
}
