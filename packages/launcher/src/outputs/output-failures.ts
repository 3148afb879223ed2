import type { Log } from "shared/cli/log";
import { describeError, ToolError } from "shared/cli/tool-error";
import type { MissingOutput } from "shared/pod/markers";

/** The maximum number of failures that are listed in a marker and in the log. */
const MAX_NAMED = 100;
/** The maximum length of a path or a reason in a marker, in characters. */
const MAX_TEXT = 500;
/** The maximum length of the summary, in characters. The summary becomes an annotation of the artifact. */
const MAX_SUMMARY = 800;

/**
 * Collects the paths that could not be saved. The launcher reports these paths after it has tried to save all outputs.
 */
export class OutputFailures {
  readonly #failures: ToolError[] = [];
  readonly #named: MissingOutput[] = [];
  readonly #paths = new Set<string>();
  readonly #required: boolean;
  readonly #warn: Log;

  /** If `required` is false, a missing output only causes a warning. */
  constructor(required: boolean, warn: Log) {
    this.#required = required;
    this.#warn = warn;
  }

  /** The number of paths that could not be saved. */
  get count(): number {
    return this.#paths.size;
  }

  /**
   * The first {@link MAX_NAMED} paths that could not be saved, with the reasons. Long paths and long reasons are
   * shortened.
   */
  get named(): readonly MissingOutput[] {
    return this.#named;
  }

  /** Adds a path that could not be saved. Counts each path once. */
  readonly failed = (path: string, failure: ToolError): void => {
    if (this.#paths.has(path)) return;
    this.#paths.add(path);
    if (this.#named.length >= MAX_NAMED) return;
    this.#failures.push(failure);
    this.#named.push({ path: shortened(path, MAX_TEXT), reason: shortened(describeError(failure), MAX_TEXT) });
  };

  /** If outputs are required, adds a missing output to the failures. Otherwise, only logs a warning. */
  readonly missing = (path: string, why?: string): void => {
    const message = `missing output ${path}`;
    const failure = new ToolError("noInput", message, { why: why ?? "the command did not write it" });
    if (this.#required) this.failed(path, failure);
    else this.#warn(why === undefined ? message : describeError(failure));
  };

  /**
   * Returns one failure for all added paths, or undefined if no path was added. For a single path, returns the failure
   * of this path. For several paths, the failure has the code `noInput` if at least one path could not be read.
   * Otherwise, the failure has the code `copyFailed`.
   */
  summary(): ToolError | undefined {
    const [first] = this.#failures;
    if (this.count <= 1) return first;
    const code = this.#failures.some(({ code }) => code === "noInput") ? "noInput" : "copyFailed";
    // Uses the shortened reasons from `#named`, because a full reason with a long path could fill the whole summary.
    const why = shortened(this.#named.map(({ reason }) => reason).join("; "), MAX_SUMMARY);
    return new ToolError(code, `cannot save ${this.count} paths of the outputs`, { why });
  }

  /**
   * Returns a log line for each of the first {@link MAX_NAMED} paths, and one line that counts all further paths. If
   * only one path was added, returns no lines, because {@link summary} already describes this path.
   */
  lines(): string[] {
    if (this.count <= 1) return [];
    const more = this.count - this.#failures.length;
    const lines = this.#failures.map(describeError);
    return more > 0 ? [...lines, `${more} more paths of the outputs could not be saved`] : lines;
  }
}

function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}...`;
}
