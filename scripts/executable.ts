/**
 * The one executable behind the three names: which tool it is, the name it was started by says. Each tool is loaded only
 * when it is wanted.
 */
import { basename } from "node:path";
import { runProcess } from "wait-fs/cli";

const TOOLS = {
  launcher: async () => (await import("launcher/main")).main,
  "oras-push": async () => (await import("oras-push/main")).main,
  "wait-fs": async () => (await import("wait-fs/main")).main,
};

const name = basename(process.argv0);

void runProcess(name, async (argv, io) => {
  if (Object.hasOwn(TOOLS, name)) return (await TOOLS[name as keyof typeof TOOLS]())(argv, io);
  io.stderr(`${name}: no tool of this name (usage: call it as ${Object.keys(TOOLS).join(", ")})\n`);
  return 64;
});
