/**
 * The one executable behind the three names: which tool it is, the name it was started by says. Each tool is a script of its
 * own among the executable's assets, with its code cache beside it: only the one that is wanted is read.
 */
import { basename } from "node:path";
import { getAssetKeys, getRawAsset } from "node:sea";
import { loadTool } from "./tool-script.ts";

const name = basename(process.argv0);
const assets = getAssetKeys();
if (assets.includes(name)) {
  const cache = `${name}.cache`;
  const { main, runProcess } = loadTool(name, asset(name), assets.includes(cache) ? asset(cache) : undefined, require);
  void runProcess(name, main);
} else {
  const tools = assets.filter((key) => !key.endsWith(".cache"));
  process.stderr.write(`${name}: no tool of this name (usage: call it as ${tools.join(", ")})\n`);
  process.exit(64);
}

/** An asset's bytes, where the executable lies in memory. */
function asset(key: string): Buffer {
  return Buffer.from(getRawAsset(key) as ArrayBuffer);
}
