import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { STORED } from "oras-push/layer/compression";
import { layerOf } from "oras-push/layer/layer";
import { titleOf } from "oras-push/layer/layer-path";
import type { LayerSource } from "oras-push/layer/layer-source";
import type { ToolError } from "shared/cli/tool-error";
import { temporaryFolder } from "../../support/temporary.ts";
import { assertBytes, collect, noise, prose } from "../support.ts";

const reports: string[] = [];
const OPTIONS = { level: 6, report: (message: string) => void reports.push(message) };
const TITLE = "org.opencontainers.image.title";

async function read(layer: LayerSource) {
  const { bytes, annotations } = layer.open();
  return { bytes: await collect(bytes), annotations: annotations() };
}

describe("the layer of a file", () => {
  it("contains the raw bytes, and has title, permissions and time as its only annotations", async (t) => {
    const path = join(temporaryFolder(t), "lammps.out.gz");
    writeFileSync(path, noise(3_000_000));
    chmodSync(path, 0o4751);
    utimesSync(path, 1e9, 1e9);
    const layer = await layerOf({ path }, OPTIONS);
    assert.equal(layer.mediaType, "application/vnd.oci.image.layer.v1.tar");
    assert.equal(layer.size, 3_000_000);
    const { bytes, annotations } = await read(layer);
    assertBytes(bytes, noise(3_000_000));
    assert.deepEqual(annotations, {
      [TITLE]: "lammps.out.gz",
      "dev.oras-pod-tools.file.mode": "751",
      "dev.oras-pod-tools.file.mtime": "2001-09-09T01:46:40Z",
    });
  });

  it("may be empty", async (t) => {
    const path = join(temporaryFolder(t), "empty");
    writeFileSync(path, "");
    const layer = await layerOf({ path }, OPTIONS);
    assert.equal(layer.size, 0);
    assert.equal((await read(layer)).bytes.length, 0);
  });

  it("has the media type of the user", async (t) => {
    const path = join(temporaryFolder(t), "a");
    writeFileSync(path, "");
    assert.equal((await layerOf({ path, mediaType: "text/plain" }, OPTIONS)).mediaType, "text/plain");
  });

  it("has the name of a link and the bytes of its target", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "file"), "content");
    symlinkSync("file", join(folder, "link"));
    const { bytes, annotations } = await read(await layerOf({ path: join(folder, "link") }, OPTIONS));
    assert.equal(bytes.toString(), "content");
    assert.equal(annotations[TITLE], "link");
  });

  it("fails with the path for a file that reports size zero but has content, as in /proc", async () => {
    const layer = await layerOf({ path: "/proc/self/status" }, OPTIONS);
    await assert.rejects(collect(layer.open().bytes), (error: ToolError) => {
      assert.match(error.message, /^\/proc\/\d+\/status changed while it was read$/);
      return error.code === "noInput";
    });
  });

  it("fails with the path if the file changed after it was found", async (t) => {
    const path = join(temporaryFolder(t), "file");
    writeFileSync(path, "content");
    const layer = await layerOf({ path }, OPTIONS);
    appendFileSync(path, "more");
    await assert.rejects(read(layer), (error: ToolError) => error.exitCode === 66 && error.message.includes(path));
  });
});

describe("the layer of a folder", () => {
  it("is a gzipped tar under the base name of the folder", async (t) => {
    const folder = join(temporaryFolder(t), "deep", "analysis");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "f"), "content");
    const layer = await layerOf({ path: `${folder}/` }, OPTIONS);
    assert.equal(layer.mediaType, "application/vnd.oci.image.layer.v1.tar+gzip");
    assert.equal(layer.size, undefined);
    const { bytes, annotations } = await read(layer);
    assert.equal(annotations[TITLE], "analysis");
    assert.equal(annotations["io.deis.oras.content.unpack"], "true");
    assert.equal(Object.keys(annotations).length, 3, "and the content digest");
    assert.match(execFileSync("tar", ["-tzf", "-"], { input: bytes }).toString(), /^analysis\/?\nanalysis\/f\n$/);
  });

  it("has the sha256 of its uncompressed tar as the content digest, at every level", async (t) => {
    const folder = temporaryFolder(t);
    for (const [name, content] of Object.entries({ empty: "", text: prose(700_000), noise: noise(700_000) }))
      writeFileSync(join(folder, name), content);
    const digests = new Set<string>();
    for (const level of [STORED, 1, 9]) {
      const { bytes, annotations } = await read(await layerOf({ path: folder }, { ...OPTIONS, level }));
      const digest = annotations["io.deis.oras.content.digest"] ?? "";
      const sum = execFileSync("sh", ["-c", "gzip -dc | sha256sum"], { input: bytes }).toString();
      assert.equal(`${digest}  -\n`, `sha256:${sum}`);
      digests.add(digest);
    }
    assert.equal(digests.size, 1);
  });

  it("gives the same bytes each time it is read", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "f"), noise(1_000_000));
    const layer = await layerOf({ path: folder }, OPTIONS);
    assert.deepEqual(await read(layer), await read(layer));
  });

  it("has the name of a link and the content of its target", async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "real"));
    writeFileSync(join(folder, "real", "f"), "");
    symlinkSync("real", join(folder, "link"));
    const { bytes, annotations } = await read(await layerOf({ path: join(folder, "link") }, OPTIONS));
    assert.match(execFileSync("tar", ["-tzf", "-"], { input: bytes }).toString(), /^link\/?\nlink\/f\n$/);
    assert.equal(annotations[TITLE], "link");
  });

  it("reports a skipped file once, even if it is read twice", async (t) => {
    const folder = temporaryFolder(t);
    execFileSync("mkfifo", [join(folder, "fifo")]);
    reports.length = 0;
    const layer = await layerOf({ path: folder }, OPTIONS);
    await read(layer);
    await read(layer);
    assert.deepEqual(reports, [`skipped ${folder}/fifo: it is a FIFO`]);
  });
});

describe("paths", () => {
  it("appear in the error if they are missing, or neither file nor folder", async (t) => {
    const folder = temporaryFolder(t);
    execFileSync("mkfifo", [join(folder, "fifo")]);
    for (const [name, why] of [
      ["none", "no such file or directory"],
      ["fifo", "neither a file nor a folder"],
    ] as const)
      await assert.rejects(layerOf({ path: join(folder, name) }, OPTIONS), (error: ToolError) => {
        assert.ok(error.message.includes(join(folder, name)));
        assert.equal(error.why, why);
        return error.exitCode === 66;
      });
  });

  it("have their last part as the title", () => {
    assert.equal(titleOf("/tmp/analysis"), "analysis");
    assert.equal(titleOf("./a/b/"), "b");
    assert.equal(titleOf("a/../c"), "c");
    assert.equal(titleOf("."), process.cwd().split("/").at(-1));
    assert.equal(titleOf("/"), "");
  });
});
