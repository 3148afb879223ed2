import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { DEFAULT_SHARE } from "shared/pod/markers";
import { isOnRoot, warnIfNotMounted } from "shared/pod/mounted-share";

/** The mounts of a container, in the format of `/proc/self/mountinfo`. Two of the mounts are on the same device. */
const MOUNTS = `1 0 0:50 / / rw - overlay overlay rw
2 1 0:51 / /proc rw - proc proc rw
3 1 8:1 /volumes/1 /mnt/oras rw - ext4 /dev/sda1 rw
4 1 8:1 / /data rw - ext4 /dev/sda1 rw
`;

describe("a folder", () => {
  it("is on the root file system if no mount point is above it", () => {
    for (const [path, onRoot] of [
      ["/mnt/oras", false],
      ["/mnt/oras/folder", false],
      ["/data/x/y", false],
      ["/mnt", true],
      ["/mnt/oras2", true],
      ["/dat", true],
    ] as const)
      assert.equal(isOnRoot(path, MOUNTS), onRoot, path);
  });

  it("counts as mounted if the mounts are unknown", () => {
    assert.equal(isOnRoot("/mnt/oras", ""), false);
  });
});

describe("a share without a volume", () => {
  const skip = existsSync(DEFAULT_SHARE) ? `this machine has a folder ${DEFAULT_SHARE}` : false;
  it("gets a warning if it is the default", { skip }, () => {
    const warnings: string[] = [];
    warnIfNotMounted(DEFAULT_SHARE, (line) => warnings.push(line));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] as string, /^no volume is mounted at \/mnt\/oras: .*--share$/);
  });

  it("gets no warning if the user chose it", () => {
    warnIfNotMounted("/tmp/share", assert.fail);
  });
});
