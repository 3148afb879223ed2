import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TOOLS_ARCHIVE } from "../../scripts/images.ts";
import { findProgram } from "../../support/debian.ts";
import type { Podman } from "../../support/podman.ts";
import { runTool } from "../../support/tools.ts";

const NEEDED = ["podman", "runc", "busybox"];

const MISSING = NEEDED.filter((name) => findProgram(name) === undefined);

/** The reason to skip tests that run pods. It is false if this machine can run pods. */
export const PODMAN_SKIP: string | false =
  MISSING.length > 0
    ? `${MISSING.join(", ")} not installed`
    : spawnSync("unshare", ["-m", "true"]).status !== 0 && "mounting is not permitted";

/** The reason to skip tests of the tools' image. It is false if this machine has the image and can run it. */
export const IMAGE_SKIP: string | false = PODMAN_SKIP || (!existsSync(TOOLS_ARCHIVE) && "the image is not built");

/** Builds an image that contains only busybox and, in /tools, the files that `launcher --install` writes. */
export async function buildToolsImage(podman: Podman, name: string, context: string): Promise<void> {
  mkdirSync(join(context, "bin"), { recursive: true });
  mkdirSync(join(context, "mnt", "oras"), { recursive: true });
  chmodSync(join(context, "mnt", "oras"), 0o1777);
  copyFileSync(findProgram("busybox") as string, join(context, "bin", "busybox"));
  for (const applet of ["sh", "tail", "sleep"]) symlinkSync("busybox", join(context, "bin", applet));
  const { code, stderr } = await runTool("launcher", ["--install", join(context, "tools"), "--mounted-at", "/tools"]);
  if (code !== 0) throw new Error(stderr);
  writeFileSync(join(context, "Containerfile"), "FROM scratch\nCOPY bin /bin\nCOPY tools /tools\nCOPY mnt /mnt\n");
  await podman.run("build", "-q", "-t", name, context);
}
