/** Installs the tools into a folder. From this folder, the tools must run in any image. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ELF_HEAD_SIZE, interpreterSegment } from "launcher/install/elf";
import { debianProgram } from "../../../support/dependencies.ts";
import { run, runTool, start, toolPath } from "../../../support/tools.ts";
import { expectStdout } from "../../support/expect.ts";
import { PID1_SKIP, pid1Command } from "../../support/namespaces.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const BUSYBOX = debianProgram("busybox", ["busybox-static"]);

/** Returns the reason why this machine cannot run a command in an empty image. Returns false if it can. */
function imageSkip(): string | false {
  if ("missing" in BUSYBOX) return BUSYBOX.missing;
  if (interpreterSegment(readFileSync(BUSYBOX.path).subarray(0, ELF_HEAD_SIZE)) !== undefined)
    return "busybox of this machine is not static";
  return PID1_SKIP;
}

/** Returns the modes and the digests of everything below a folder. */
function everything(folder: string) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const stats = statSync(join(folder, name));
      const digest = stats.isFile()
        ? createHash("sha256")
            .update(readFileSync(join(folder, name)))
            .digest("hex")
        : undefined;
      return { name, mode: (stats.mode & 0o7777).toString(8), digest };
    });
}

describe("launcher --install", { timeout: 120_000 }, () => {
  it("installs three tools that every user can run with the installed libraries, whatever the umask is", async (context) => {
    const folder = join(temporaryFolder(context), "bin");
    const { code, stderr } = await run("sh", [
      "-c",
      'umask 077; "$@"',
      "sh",
      toolPath("launcher"),
      "--install",
      folder,
    ]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    for (const tool of ["launcher", "wait-fs", "oras-push"])
      assert.match((await run(join(folder, tool), ["--version"])).stdout, new RegExp(`^${tool} `));
    const modes = everything(folder).map(({ mode }) => mode);
    assert.deepEqual(new Set(modes), new Set(["755"]));
    const debug = await run(join(folder, "launcher"), ["--version"], { env: { LD_DEBUG: "libs" } });
    const loaded = [...debug.stderr.matchAll(/calling init: (\S+)/g)].map(([, path = ""]) => path);
    const outside = loaded.filter((path) => !path.startsWith(folder) && !/\/ld-linux-/.test(path));
    assert.ok(loaded.length > 5);
    assert.deepEqual(outside, []);
  });

  it("does not search the application's LD_LIBRARY_PATH for libraries of the launcher", async (context) => {
    const [folder, libraries] = [join(temporaryFolder(context), "bin"), temporaryFolder(context)];
    await runTool("launcher", ["--install", folder]);
    writeFileSync(join(libraries, "libstdc++.so.6"), "not a library");
    const env = { LD_LIBRARY_PATH: libraries };
    const { code, stderr } = await run(join(folder, "launcher"), ["--version"], { env });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  });

  it("writes the same files again, from the installed launcher or from another one", async (context) => {
    const root = temporaryFolder(context);
    const [folder, copy] = [join(root, "bin"), join(root, "copy")];
    await runTool("launcher", ["--install", folder]);
    const first = everything(folder);
    await runTool("launcher", ["--install", folder]);
    assert.deepEqual(everything(folder), first);
    assert.equal((await run(join(folder, "launcher"), ["--install", copy])).code, 0);
    assert.equal((await run(join(copy, "launcher"), ["--install", folder])).code, 0);
    assert.deepEqual(everything(folder), first);
  });

  it("does not disturb a running installed launcher, and is complete at every moment", async (context) => {
    const root = temporaryFolder(context);
    const folder = join(root, "bin");
    const launcher = join(folder, "launcher");
    await runTool("launcher", ["--install", folder]);
    const env = { ORAS_SHARE: join(root, "share"), PATH: process.env.PATH };
    const running = start(launcher, ["--quiet", "--", "sh", "-c", "echo started; read line; exit 3"], {
      env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    await expectStdout(running).until((text) => text === "started\n");
    let installing = true;
    const installs = (async () => {
      for (let times = 0; times < 5; times++)
        assert.equal((await runTool("launcher", ["--install", folder])).stderr, "");
      installing = false;
    })();
    while (installing) assert.deepEqual((await run(join(folder, "wait-fs"), ["--version"])).code, 0);
    await installs;
    running.child.stdin?.end("\n");
    assert.equal((await running.ended).code, 3);
  });

  it("refuses a command, and fails with the path of a folder that cannot be created", async (context) => {
    const folder = temporaryFolder(context);
    writeFileSync(join(folder, "file"), "");
    const both = await runTool("launcher", ["--install", folder, "--", "true"]);
    assert.deepEqual([both.code, both.stderr.split(" (")[0]], [64, "launcher: --install takes no command"]);
    const inFile = await runTool("launcher", ["--install", join(folder, "file", "bin")]);
    assert.equal(inFile.code, 73);
    assert.match(inFile.stderr, /^launcher: cannot write \S+\/file\/bin \(a part of the path is not a directory\)\n$/);
  });

  it("fails with a hint on a volume that is mounted noexec", { skip: PID1_SKIP }, async (context) => {
    const folder = temporaryFolder(context);
    const script = 'mount -t tmpfs -o noexec volume "$1" && exec "$2" --install "$1/bin"';
    const [program, ...args] = pid1Command("sh", ["-c", script, "sh", folder, toolPath("launcher")]);
    const { code, stderr } = await run(program, args);
    assert.equal(code, 73, stderr);
    assert.match(stderr, /^launcher: cannot run \S+\/bin\/launcher \(permission denied\)\nhint: .*noexec.*\n$/);
  });

  it("runs a command as another user in a read-only image of one static program", {
    skip: imageSkip(),
  }, async (context) => {
    assert.ok("path" in BUSYBOX);
    const [image, share] = [temporaryFolder(context), temporaryFolder(context)];
    chmodSync(image, 0o755);
    chmodSync(share, 0o777);
    for (const name of ["proc", "mnt", "mnt/oras"]) mkdirSync(join(image, name));
    copyFileSync(BUSYBOX.path, join(image, "busybox"));
    const installed = ["--install", join(share, "bin"), "--mounted-at", "/mnt/oras/bin"];
    assert.equal((await runTool("launcher", installed)).stderr, "");
    const mounts = `
      mount --bind "$1" "$1" && mount --bind "$2" "$1/mnt/oras" && mount -t proc proc "$1/proc" &&
      mount -o remount,bind,ro "$1" && shift 2 && exec chroot --userspec=65532:65532 "$@"`;
    const script = "id -u; touch /x; mkdir /mnt/oras/out; echo hi > /mnt/oras/out/file; exit 3";
    const command = ["/mnt/oras/bin/launcher", "--quiet", "--output", "/mnt/oras/out", "--"];
    const [program, ...args] = pid1Command("sh", ["-c", mounts, "sh", image, share, image, ...command]);
    const { code, stdout, stderr } = await run(program, [...args, "/busybox", "sh", "-c", script]);
    assert.deepEqual(
      { code, stdout, stderr },
      { code: 3, stdout: "65532\n", stderr: "touch: /x: Read-only file system\n" },
    );
    const marker = JSON.parse(readFileSync(join(share, "oras-operator-done.txt"), "utf8"));
    assert.deepEqual(marker.outputs, [{ path: "out", files: 1, bytes: 3 }]);
  });
});
