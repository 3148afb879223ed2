/** Users, permissions and file systems. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parseDoneMarker, SHARE } from "shared/pod/markers";
import { run, sharedToolPath } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { failed, has, type Places } from "./launching.ts";

const NOT_ROOT = process.getuid?.() === 0 ? false : "only root can run processes as other users";
const NO_MOUNTS =
  spawnSync("unshare", ["-m", "true"]).status === 0 ? false : "mount namespaces are not allowed on this machine";

describe("users and volumes", { timeout: 30_000 }, () => {
  const folder = temporaryFolder({ after });
  const launcher = sharedToolPath("launcher");

  before(() => chmodSync(folder, 0o755));

  function sharedPlaces(): Places {
    const at = { folder: join(folder, "run"), share: join(folder, "run", "share") };
    rmSync(at.folder, { recursive: true, force: true });
    for (const path of [at.folder, at.share]) {
      mkdirSync(path);
      chmodSync(path, 0o777);
    }
    return at;
  }

  it("lets another user read and remove files that were written under umask 077", { skip: NOT_ROOT }, async () => {
    const at = sharedPlaces();
    const script = `umask 077; exec "$0" -q --share share --output out --output log -- sh -c 'mkdir out; echo 1 > out/x; echo 2 > log'`;
    const first = await run("sh", ["-c", script, launcher], { cwd: at.folder, uid: 65532, gid: 65532, env: {} });
    assert.equal(first.code, 0, first.stderr);
    assert.equal(statSync(join(at.share, SHARE.done)).uid, 65532);
    const read = `cat share/outputs/out/x share/outputs/log share/${SHARE.done} && rm share/outputs/log share/${SHARE.done}`;
    const second = await run("sh", ["-c", read], { cwd: at.folder, uid: 1000, gid: 1000 });
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stdout, /^1\n2\n\{/);
  });

  it("lets a normal user replace an output with read-only folders", { skip: NOT_ROOT }, async () => {
    const at = sharedPlaces();
    const script = "chmod -R u+w out; rm -rf out; mkdir -p out/closed; date > out/closed/x; chmod 555 out/closed out";
    for (let attempt = 1; attempt <= 2; attempt++) {
      const args = ["-q", "--share", at.share, "--output", "out", "--", "sh", "-c", script];
      const ended = await run(launcher, args, { cwd: at.folder, uid: 1000, gid: 1000, env: {} });
      assert.equal(ended.code, 0, ended.stderr);
      assert.ok(has(at, SHARE.done));
      assert.deepEqual(readdirSync(join(at.share, "outputs")), ["out"]);
    }
  });

  it("names an output that cannot be read, and keeps the exit code of a failed command", {
    skip: NOT_ROOT,
  }, async () => {
    const at = sharedPlaces();
    const user = { cwd: at.folder, uid: 1000, gid: 1000, env: {} };
    const args = (exitCode: number) => {
      const script = `rm -rf out; mkdir out; echo 1 > out/x; chmod 0 out/x; exit ${exitCode}`;
      return ["-q", "--share", at.share, "--output", "out", "--", "sh", "-c", script];
    };
    const fine = await run(launcher, args(0), user);
    assert.equal(fine.code, 66);
    assert.equal(fine.stderr, `launcher: cannot read ${join(at.folder, "out", "x")} (permission denied)\n`);
    assert.ok(!has(at, SHARE.done));
    assert.deepEqual(readdirSync(join(at.share, "outputs", "out")), [], "the folder is saved without the file");
    assert.equal((await run(launcher, args(5), user)).code, 5);
    assert.equal(failed(at).exitCode, 5);
  });

  it("exits with 73 on a read-only shared volume, and does not run the command", {
    skip: NOT_ROOT,
  }, async () => {
    const at = sharedPlaces();
    chmodSync(at.share, 0o555);
    const args = ["-q", "--share", at.share, "--", "touch", "ran"];
    const { code, stderr } = await run(launcher, args, { cwd: at.folder, uid: 1000, gid: 1000, env: {} });
    assert.equal(code, 73);
    assert.match(stderr, /^launcher: cannot write .*share\/oras-operator-\S+ \(permission denied\)\n$/);
    assert.ok(!existsSync(join(at.folder, "ran")));
  });

  it("exits with 74 and a failure marker if no space is left for the outputs", { skip: NO_MOUNTS }, async () => {
    const at = sharedPlaces();
    const script = `mount -t tmpfs -o size=2m none share || exit 99
      "$0" -q --share share --output out -- sh -c 'mkdir -p out; head -c 3000000 /dev/urandom > out/x; exit '$1
      code=$?; ls -A share share/outputs share/outputs/out; cat share/${SHARE.doneFailed}; exit $code`;
    for (const [own, expected] of [
      [0, 74],
      [5, 5],
    ] as const) {
      const { code, stdout, stderr } = await run("unshare", ["-m", "sh", "-c", script, launcher, `${own}`], {
        cwd: at.folder,
      });
      assert.equal(code, expected, stderr);
      assert.match(stderr, /^launcher: cannot write .*outputs.*/);
      const [listing = "", json = ""] = stdout.split(/^(?=\{)/m);
      assert.deepEqual(listing.split(/\s+/).filter(Boolean), [
        "share:",
        SHARE.doneFailed,
        SHARE.init,
        SHARE.started,
        "outputs",
        "share/outputs:",
        "out",
        "share/outputs/out:",
      ]);
      const marker = parseDoneMarker(json);
      assert.equal(marker?.exitCode, own);
      assert.equal(marker?.phase, "copy");
    }
  });

  it("works with a read-only root and without /tmp", { skip: NO_MOUNTS }, async () => {
    const at = sharedPlaces();
    const script = `set -e
      mkdir root; mount -t tmpfs none root; cd root; mkdir usr proc dev share tool out
      for name in bin lib lib64; do
        if [ -L /$name ]; then cp -P /$name .; elif [ -d /$name ]; then mkdir $name; mount --bind /$name $name; fi
      done
      mount --bind /usr usr; mount --bind /proc proc; mount --rbind /dev dev
      mount --bind ../share share; mount --bind "$1" tool; mount -t tmpfs none out
      mount -o remount,ro .
      exec chroot . /tool/launcher -q --share /share --output /out/x -- sh -c 'if touch /y; then exit 9; fi; echo 1 > /out/x'`;
    const { code, stderr } = await run("unshare", ["-m", "sh", "-c", script, "sh", dirname(launcher)], {
      cwd: at.folder,
    });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Read-only file system/);
    assert.equal(readFileSync(join(at.share, "outputs", "x"), "utf8"), "1\n");
    assert.ok(has(at, SHARE.done));
  });
});
