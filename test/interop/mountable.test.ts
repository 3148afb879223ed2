/**
 * Every client restores a mountable artifact in the same way as other artifacts. In addition, podman mounts the
 * artifact as an image.
 */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findProgram } from "../../support/debian.ts";
import { Podman } from "../../support/podman.ts";
import { run, runTool } from "../../support/tools.ts";
import { CLIENTS, STORES, type Store } from "../support/interop.ts";
import { noise } from "../support/noise.ts";
import { PODMAN_SKIP } from "../support/podman.ts";
import { temporaryFolder } from "../support/temporary.ts";

const FOLDERS = ["analysis", "logs"];
const FILES = ["lammps.out", "größe x"];

function makeSources(folder: string): void {
  const tree = join(folder, "analysis");
  mkdirSync(join(tree, "empty"), { recursive: true });
  mkdirSync(join(folder, "logs"));
  writeFileSync(join(folder, "logs", "log"), "line\n");
  writeFileSync(join(tree, ".hidden"), "dot\n");
  writeFileSync(join(tree, "noise"), noise(9 << 20));
  writeFileSync(join(tree, "program"), "#!/bin/sh\n");
  symlinkSync("noise", join(tree, "link"));
  for (const file of FILES) writeFileSync(join(folder, file), `${file}\n`);
  chmodSync(join(tree, "program"), 0o4755);
}

/** Builds the image `busybox`. */
async function buildBusybox(podman: Podman, context: string): Promise<void> {
  mkdirSync(context);
  copyFileSync(findProgram("busybox") as string, join(context, "busybox"));
  writeFileSync(join(context, "Containerfile"), 'FROM scratch\nCOPY busybox /busybox\nENTRYPOINT ["/busybox"]\n');
  await podman.run("build", "-q", "-t", "busybox", context);
}

async function assertSame(actual: string, expected: string): Promise<void> {
  const { stdout, stderr } = await run("diff", ["-r", "--no-dereference", actual, expected]);
  assert.equal(stdout + stderr, "");
}

const kind = STORES.find(({ name }) => name === "distribution 2.8");
const skip = kind?.program === undefined ? "docker-registry is not installed" : false;

describe("mountable artifacts", { skip, timeout: 240_000 }, () => {
  const folder = temporaryFolder({ after });
  const sources = join(folder, "sources");
  const artifacts = { folders: FOLDERS, everything: [...FOLDERS, ...FILES] } as const;
  let store: Store;
  before(async () => {
    mkdirSync(sources);
    makeSources(sources);
    store = (await kind?.start(join(folder, "registry"))) as Store;
    for (const [name, paths] of Object.entries(artifacts)) {
      const args = ["--mountable", store.reference(name), ...paths];
      const { code, stderr } = await runTool("oras-push", args, { cwd: sources });
      assert.equal(code, 0, stderr);
    }
  });
  after(() => store?.close());

  for (const { name: client, program, pull } of CLIENTS)
    for (const [name, paths] of Object.entries(artifacts))
      it(`with ${name} are restored by ${client}`, { skip: program === undefined && "not installed" }, async () => {
        const restored = join(folder, `${client} ${name}`);
        mkdirSync(restored);
        await pull(store, store.reference(name), restored);
        for (const path of paths) await assertSame(join(restored, path), join(sources, path));
      });

  for (const [name, tag] of [
    ["folders", "1"],
    ["everything", "1-image"],
  ] as const)
    it(`with ${name} are mounted by podman, without set-user-ID bits`, { skip: PODMAN_SKIP }, async () => {
      await using podman = new Podman(join(folder, `podman-${name}`));
      const image = store.reference(name).replace(/1$/, tag);
      await podman.run("pull", "-q", "--tls-verify=false", image);
      const mounted = (await podman.run("image", "mount", image)).trim();
      for (const path of artifacts[name]) await assertSame(join(mounted, path), join(sources, path));
      assert.equal(statSync(join(mounted, "analysis", "program")).mode & 0o7777, 0o755);
      assert.equal(readFileSync(join(mounted, "logs", "log"), "utf8"), "line\n");
      await podman.run("image", "unmount", image);
      await buildBusybox(podman, join(folder, `busybox-${name}`));
      const mount = ["--mount", `type=image,source=${image},destination=/results`];
      const output = await podman.run("run", "--rm", "--network=none", ...mount, "busybox", "cat", "/results/logs/log");
      assert.equal(output, "line\n");
    });
});
