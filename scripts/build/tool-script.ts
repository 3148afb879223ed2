import { Script } from "node:vm";
import type { runProcess } from "shared/cli/process";

/** The exports of a tool's script. */
export interface ToolScript {
  readonly main: Parameters<typeof runProcess>[1];
  readonly runProcess: typeof runProcess;
}

/** A loaded tool. */
export interface LoadedTool extends ToolScript {
  /** Whether V8 accepted the code cache. */
  readonly cached: boolean;
  /** Makes a code cache with the functions that have run so far. */
  readonly codeCache: () => Buffer;
}

/**
 * Loads a tool's script. The script is CommonJS in ASCII. V8 rejects a code cache from another version of Node or of
 * the script.
 */
export function loadTool(
  name: string,
  source: Buffer,
  cachedData: Buffer | undefined,
  require: NodeJS.Require,
): LoadedTool {
  const text = `(function (module, require) {${source.toString("latin1")}\n})`;
  const script = new Script(text, { filename: `${name}.js`, ...(cachedData === undefined ? {} : { cachedData }) });
  const module: { exports?: ToolScript } = {};
  script.runInThisContext()(module, require);
  const cached = script.cachedDataRejected === false;
  return { ...(module.exports as ToolScript), cached, codeCache: () => script.createCachedData() };
}
