import { Script } from "node:vm";
import type { runProcess } from "shared/cli/cli";

/** What a tool's script gives. */
export interface ToolScript {
  readonly main: Parameters<typeof runProcess>[1];
  readonly runProcess: typeof runProcess;
}

/** A tool's script that has been read, and can give its code cache. */
export interface LoadedTool extends ToolScript {
  /** Whether the code came from the cache that was given. */
  readonly cached: boolean;
  /** The code of what has been run until now. */
  readonly codeCache: () => Buffer;
}

/** Runs a tool's script: ASCII, CommonJS. A code cache that was not made by this Node for this script is not used. */
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
