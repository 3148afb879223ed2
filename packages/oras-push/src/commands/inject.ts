import { readFileSync } from "node:fs";
import type { Command } from "shared/cli/command";
import type { Io } from "shared/cli/io";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf } from "shared/fs/system-error";
import type { ManifestText } from "../inject/inject-manifests.ts";
import type { WebhookPlan } from "../inject/webhook/webhook.ts";
import { type InjectPlan, injectPlan, STDIN } from "../options/inject.ts";
import { INJECT_USAGE } from "../options/inject-usage.ts";
import { plainContext } from "./context.ts";

/** The command `oras-push inject`. */
export const injectCommand: Command<typeof INJECT_USAGE.options> = {
  ...INJECT_USAGE,
  run: async (line, io) => {
    const plan = injectPlan(line);
    if (plan.webhook === undefined) await injectFiles(plan, io);
    else await serve(plan.webhook, io);
    return 0;
  },
};

async function serve(plan: WebhookPlan, io: Io): Promise<void> {
  const { serveWebhook } = await import("../inject/webhook/webhook.ts");
  await serveWebhook(plan, plainContext(io));
}

async function injectFiles({ files, settings, dryRun, connection }: InjectPlan, io: Io): Promise<void> {
  const { injectManifests } = await import("../inject/inject-manifests.ts");
  const context = plainContext(io);
  const { text, difference, warnings } = await injectManifests(files.map(readManifest), settings, async (image) => {
    const { readImageCommand } = await import("../artifact/image-command.ts");
    return readImageCommand(image, connection, context);
  });
  for (const warning of warnings) context.warn(warning);
  io.stdout(dryRun ? difference : text);
}

function readManifest(path: string): ManifestText {
  const name = path === STDIN ? "stdin" : path;
  try {
    return { name, text: readFileSync(path === STDIN ? 0 : path, "utf8") };
  } catch (error) {
    throw new ToolError("noInput", `cannot read ${name}`, { why: reasonOf(error), cause: error });
  }
}
