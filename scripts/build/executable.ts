/**
 * The main script of the executable. The name by which the executable was started selects the tool. Each tool is one
 * asset, and its code cache is another asset. This script reads only the assets of the selected tool.
 */
import { basename } from "node:path";
import { getAssetKeys, getRawAsset } from "node:sea";
import { holdSignals } from "shared/cli/held-signals";
import { loadTool } from "./tool-script.ts";

const name = basename(process.argv0);
const held = holdSignals(handledSignals());
const assets = getAssetKeys();
if (assets.includes(name)) {
  const cache = `${name}.cache`;
  const { main, runProcess } = loadTool(name, asset(name), assets.includes(cache) ? asset(cache) : undefined, require);
  void runProcess(name, main, held);
} else {
  const tools = assets.filter((key) => !key.endsWith(".cache"));
  process.stderr.write(`${name}: no tool has this name (usage: name the executable ${tools.join(" or ")})\n`);
  process.exit(64);
}

/**
 * Returns the signals that the tool handles from the start. Returns an empty list for a push or a pull. These commands
 * handle signals only after they have read the password, because a signal must be able to end this read.
 */
function handledSignals(): NodeJS.Signals[] {
  const common: NodeJS.Signals[] = ["SIGTERM", "SIGINT", "SIGHUP"];
  if (name === "oras-push") return process.argv[2] === "sidecar" ? common : [];
  if (name !== "launcher") return common;
  return [...common, "SIGQUIT", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGXCPU", "SIGIO", "SIGPWR"];
}

/** Returns the bytes of an asset. This function does not copy the bytes, because they are already in memory. */
function asset(key: string): Buffer {
  return Buffer.from(getRawAsset(key) as ArrayBuffer);
}
