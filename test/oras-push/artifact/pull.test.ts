import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { pull } from "oras-push/artifact/pull";
import { ANNOTATIONS } from "oras-push/oci/annotations";
import { FOLDER_LAYER } from "oras-push/oci/media-types";
import { digestOf } from "oras-push/oci/meter";
import { ToolError } from "shared/cli/tool-error";
import type { MemoryRegistry } from "../../../support/registry/memory-registry.ts";
import { runTool, startTool } from "../../../support/tools.ts";
import { failing, first, STEPS } from "../../support/registry/faults.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import {
  assertBytes,
  type Entry,
  fileLayer,
  folderLayer,
  memoryRegistry,
  NO_PROGRESS,
  noise,
  repositoryAt,
  type StoredLayer,
  sha256,
  storeArtifact,
  storeManifest,
  tarOf,
  treeOf,
} from "../support.ts";

const TREE: readonly Entry[] = [
  { name: "t", flag: "5" },
  { name: "t/f", content: "content" },
  { name: "t/g", content: noise(100_000).toString("hex") },
];
const ARCHIVE = tarOf(TREE);

interface Setting {
  readonly registry: MemoryRegistry;
  /** The folder of the pulls. */
  readonly folder: string;
  /** The parent of the folder. */
  readonly base: string;
  readonly pull: (tag: string, keepOldFiles?: boolean) => ReturnType<typeof pull>;
}

async function setting(t: TestContext): Promise<Setting> {
  const registry = await memoryRegistry(t);
  const base = temporaryFolder(t);
  const folder = join(base, "into");
  const repository = repositoryAt(t, registry.address);
  const options = { folder, concurrency: 3, progress: NO_PROGRESS };
  return {
    registry,
    base,
    folder,
    pull: (tag, keepOldFiles = false) =>
      pull(repository, `registry/metric/run:${tag}`, tag, { ...options, keepOldFiles }),
  };
}

/** Checks that a pull fails with `exitCode`, and that it changes neither `folder` nor the parent folder. */
async function assertRefused({ pull, base, folder }: Setting, message: RegExp, exitCode = 76): Promise<void> {
  const before = existsSync(folder) ? treeOf(folder) : {};
  await assert.rejects(pull("1"), (error: unknown) => {
    assert.ok(error instanceof ToolError, String(error));
    assert.match(`${error.message} (${error.why})`, message);
    assert.equal(error.exitCode, exitCode);
    return true;
  });
  assert.deepEqual(existsSync(folder) ? treeOf(folder) : {}, before);
  assert.deepEqual(
    readdirSync(base).filter((name) => name !== "into"),
    [],
  );
}

describe("pulls", () => {
  it("restore the bytes of files, also of an empty one", async (t) => {
    const { registry, folder, pull } = await setting(t);
    const bytes = noise(2_000_000);
    const digest = storeArtifact(registry, "1", [fileLayer("large", bytes), fileLayer("empty", "")]);
    const { manifest, layers } = await pull("1");
    assert.equal(manifest.descriptor.digest, digest);
    assert.equal(layers.length, 2);
    assertBytes(readFileSync(join(folder, "large")), bytes);
    assert.equal(readFileSync(join(folder, "empty")).length, 0);
    assert.deepEqual(readdirSync(folder), ["empty", "large"], "other files are left");
  });

  it("accept a digest", async (t) => {
    const { registry, folder, pull } = await setting(t);
    const digest = storeArtifact(registry, "1", [fileLayer("f", "x")]);
    await pull(digest);
    assert.deepEqual(treeOf(folder), { f: "x" });
  });

  it("restore a file into the folders of its title", async (t) => {
    const { registry, folder, pull } = await setting(t);
    storeArtifact(registry, "1", [fileLayer("./a//b/f", "x"), fileLayer("a/b", "not stored")].slice(0, 1));
    await pull("1");
    assert.deepEqual(treeOf(folder), { a: "folder", "a/b": "folder", "a/b/f": "x" });
  });

  it("restore a folder with the title `.` into the target folder, and keep the mode of that", async (t) => {
    const { registry, folder, pull } = await setting(t);
    mkdirSync(folder, { mode: 0o750 });
    const entries: Entry[] = [
      { name: ".", flag: "5", mode: 0o700 },
      { name: "./a", content: "x" },
      { name: "b", flag: "5" },
      { name: "b/l", flag: "2", link: "../a" },
    ];
    storeArtifact(registry, "1", [folderLayer(".", tarOf(entries)), fileLayer("f", "y")]);
    await pull("1");
    assert.deepEqual(treeOf(folder), { a: "x", b: "folder", "b/l": "-> ../a", f: "y" });
    assert.equal(statSync(folder).mode & 0o777, 0o750);
  });

  it("skip layers without a title", async (t) => {
    const { registry, folder, pull } = await setting(t);
    storeArtifact(registry, "1", [{ bytes: Buffer.from("x"), annotations: {} }, fileLayer("f", "y")]);
    assert.equal((await pull("1")).layers.length, 1);
    assert.deepEqual(treeOf(folder), { f: "y" });
  });

  it("create an empty folder for an artifact without files", async (t) => {
    const { registry, folder, pull } = await setting(t);
    storeArtifact(registry, "1", []);
    await pull("1");
    assert.deepEqual(treeOf(folder), {});
  });

  const half = ARCHIVE.length >> 1;
  for (const [what, bytes] of Object.entries({
    gzip: gzipSync(ARCHIVE),
    "gzip of several members": Buffer.concat([
      gzipSync(ARCHIVE.subarray(0, 100)),
      gzipSync(Buffer.alloc(0)),
      gzipSync(ARCHIVE.subarray(100, half)),
      gzipSync(ARCHIVE.subarray(half)),
    ]),
    zstd: zstdCompressSync(ARCHIVE),
    "zstd of several frames": Buffer.concat([
      zstdCompressSync(ARCHIVE.subarray(0, half)),
      zstdCompressSync(ARCHIVE.subarray(half)),
    ]),
  }))
    it(`unpack a folder in ${what}`, async (t) => {
      const { registry, folder, pull } = await setting(t);
      storeArtifact(registry, "1", [folderLayer("t", ARCHIVE, bytes)]);
      await pull("1");
      const { "t/f": content, "t/g": more } = treeOf(folder);
      assert.equal(content, "content");
      assert.equal(more, noise(100_000).toString("hex"));
    });

  it("unpack an uncompressed folder", async (t) => {
    const { registry, folder, pull } = await setting(t);
    const mediaType = "application/vnd.oci.image.layer.v1.tar";
    storeArtifact(registry, "1", [{ ...folderLayer("t", ARCHIVE, ARCHIVE), mediaType }]);
    await pull("1");
    assert.equal(treeOf(folder)["t/f"], "content");
  });

  it("unpack a folder of oras-py, which has no annotation for it", async (t) => {
    const { registry, folder, pull } = await setting(t);
    const layer = (archive: Buffer): StoredLayer => ({
      bytes: gzipSync(archive),
      mediaType: FOLDER_LAYER,
      annotations: { [ANNOTATIONS.title]: "t" },
    });
    for (const root of ["t", "./t/"]) {
      storeArtifact(registry, "1", [layer(tarOf([{ name: root, flag: "5" }, ...TREE.slice(1)]))]);
      await pull("1");
      assert.equal(treeOf(folder)["t/f"], "content");
      rmSync(join(folder, "t"), { recursive: true });
    }
  });

  for (const [what, archive, unpack] of [
    ["whose folder has another name", tarOf([{ name: "other", flag: "5" }]), undefined],
    ["that contains a file with its name", tarOf([{ name: "t", content: "x" }]), undefined],
    ["with an annotation against unpacking", ARCHIVE, "false"],
    ["of a text", Buffer.from("a compressed text"), undefined],
    ["of no bytes", Buffer.alloc(0), undefined],
  ] as const)
    it(`restore a gzip file as a file: one ${what}`, async (t) => {
      const { registry, folder, pull } = await setting(t);
      const bytes = gzipSync(archive);
      const annotations = {
        [ANNOTATIONS.title]: "t",
        ...(unpack === undefined ? {} : { [ANNOTATIONS.unpack]: unpack }),
      };
      storeArtifact(registry, "1", [{ bytes, mediaType: FOLDER_LAYER, annotations }]);
      await pull("1");
      assertBytes(readFileSync(join(folder, "t")), bytes);
    });

  for (const [what, digest] of [
    ["whose content digest is the sha256 of its uncompressed tar", `sha256:${sha256(ARCHIVE)}`],
    ["and ignore a content digest of another algorithm", `sha512:${"0".repeat(128)}`],
    ["and ignore an empty content digest", ""],
    ["and ignore a content digest that is too short", "sha256:0"],
  ] as const)
    it(`restore a folder ${what}`, async (t) => {
      const { registry, folder, pull } = await setting(t);
      const layer = folderLayer("t", ARCHIVE);
      const annotations = { ...layer.annotations, "io.deis.oras.content.digest": digest };
      storeArtifact(registry, "1", [{ ...layer, annotations }]);
      await pull("1");
      assert.deepEqual(treeOf(folder), {
        t: "folder",
        "t/f": "content",
        "t/g": noise(100_000).toString("hex"),
      });
    });

  it("restore modes whatever the umask, and let the umask decide about a file without a mode", async (t) => {
    const { registry, folder, pull } = await setting(t);
    const metadata = {
      "dev.oras-pod-tools.file.mode": "6755",
      "dev.oras-pod-tools.file.mtime": "2001-09-09T01:46:40Z",
    };
    const plain = fileLayer("program", "x");
    const program = { ...plain, annotations: { ...plain.annotations, ...metadata } };
    storeArtifact(registry, "1", [fileLayer("f", "x"), program, folderLayer("t", ARCHIVE)]);
    const before = process.umask(0o077);
    t.after(() => void process.umask(before));
    await pull("1");
    process.umask(before);
    assert.equal(statSync(join(folder, "f")).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, "program")).mode & 0o7777, 0o755);
    assert.equal(statSync(join(folder, "program")).mtimeMs, 1e12);
    assert.equal(statSync(join(folder, "t")).mode & 0o777, 0o755);
  });

  it("remove the folder of a pull whose process is gone, and no other", async (t) => {
    const { registry, folder, pull } = await setting(t);
    storeArtifact(registry, "1", [fileLayer("f", "x")]);
    const space = `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8)}.${readlinkSync("/proc/self/ns/pid").replace(/\D/g, "")}`;
    const dead = [`.oras-push-${space}-4194305-1-a`, ".oras-push-old"];
    for (const name of [...dead, ".oras-push-young"]) mkdirSync(join(folder, name), { recursive: true });
    utimesSync(join(folder, ".oras-push-old"), 1e9, 1e9);
    await pull("1");
    assert.deepEqual(readdirSync(folder).sort(), [".oras-push-young", "f"]);
  });

  it("fail if no layer has a title, as in a container image", async (t) => {
    const { registry, pull } = await setting(t);
    const layer = fileLayer("f", "x");
    storeArtifact(registry, "1", [{ ...layer, annotations: {} }]);
    await assert.rejects(pull("1"), /nothing to restore from/);
  });
});

describe("pulls into an existing folder", () => {
  async function filled(t: TestContext) {
    const found = await setting(t);
    mkdirSync(join(found.folder, "t", "mine"), { recursive: true });
    writeFileSync(join(found.folder, "t", "f"), "old");
    writeFileSync(join(found.folder, "t", "mine", "x"), "mine");
    storeArtifact(found.registry, "1", [folderLayer("t", tarOf(TREE.slice(0, 2))), fileLayer("new", "new")]);
    return found;
  }

  it("merge folders and replace files", async (t) => {
    const { folder, pull } = await filled(t);
    await pull("1");
    assert.deepEqual(treeOf(folder), {
      new: "new",
      t: "folder",
      "t/f": "content",
      "t/mine": "folder",
      "t/mine/x": "mine",
    });
  });

  it("replace a link, and not its target", async (t) => {
    const { base, folder, pull, registry } = await setting(t);
    mkdirSync(folder);
    writeFileSync(join(base, "outside"), "kept");
    symlinkSync("../outside", join(folder, "f"));
    storeArtifact(registry, "1", [fileLayer("f", "new")]);
    await pull("1");
    assert.deepEqual(treeOf(folder), { f: "new" });
    assert.equal(readFileSync(join(base, "outside"), "utf8"), "kept");
  });

  it("may go through a link to the folder", async (t) => {
    const { base, folder, pull, registry } = await setting(t);
    mkdirSync(join(base, "real"));
    symlinkSync("real", folder);
    storeArtifact(registry, "1", [fileLayer("f", "new"), folderLayer("t", ARCHIVE)]);
    for (let time = 0; time < 2; time++) await pull("1");
    assert.deepEqual(readdirSync(join(base, "real")).sort(), ["f", "t"]);
    assert.equal(readlinkSync(folder), "real");
  });

  it("change nothing with --keep-old-files if a file exists", async (t) => {
    const { folder, pull } = await filled(t);
    const before = treeOf(folder);
    await assert.rejects(pull("1", true), (error: ToolError) => {
      assert.equal(error.message, `${join(folder, "t", "f")} already exists`);
      return error.exitCode === 73;
    });
    assert.deepEqual(treeOf(folder), before);
  });

  it("add new files with --keep-old-files", async (t) => {
    const { registry, folder, pull } = await filled(t);
    storeArtifact(registry, "2", [
      folderLayer(
        "t",
        tarOf([
          { name: "t", flag: "5" },
          { name: "t/other", content: "x" },
        ]),
      ),
      fileLayer("new", "new"),
    ]);
    await pull("2", true);
    assert.equal(treeOf(folder)["t/other"], "x");
    assert.equal(treeOf(folder)["t/f"], "old");
  });

  it("fail with the path if the folder is a file", async (t) => {
    const { registry, folder, pull } = await setting(t);
    storeArtifact(registry, "1", [fileLayer("f", "x")]);
    writeFileSync(folder, "a file");
    await assert.rejects(pull("1"), (error: ToolError) => error.exitCode === 73 && error.message.includes(folder));
    assert.equal(readFileSync(folder, "utf8"), "a file");
  });
});

describe("failed pulls", () => {
  it("leave nothing of a missing artifact", async (t) => {
    await assertRefused(await setting(t), /^no artifact registry\/metric\/run:1 \(not found\)$/);
  });

  for (const [what, bytes, message] of [
    ["HTML", "<html>sign in</html>", /^cannot pull the artifact registry\/metric\/run:1 \(it is not JSON\)/],
    ["an index", '{"mediaType":"application/vnd.oci.image.index.v1+json"}', /expected an image manifest/],
    ["a number", "7", /not a JSON object/],
  ] as const)
    it(`leave nothing of a manifest that is ${what}`, async (t) => {
      const found = await setting(t);
      storeManifest(found.registry, "1", Buffer.from(bytes));
      await assertRefused(found, message);
    });

  it("leave nothing of a too large manifest", async (t) => {
    const found = await setting(t);
    storeManifest(found.registry, "1", Buffer.alloc((4 << 20) + 1, " "));
    await assertRefused(found, /longer than 4194304 bytes/);
  });

  for (const [what, bytes, message] of [
    ["other bytes", Buffer.from("cOntent"), /does not match its descriptor \(expected sha256:\w+, found sha256:/],
    ["too few bytes", Buffer.from("conten"), /does not match its descriptor \(expected 7 bytes, received 6\)/],
    ["too many bytes", Buffer.from("content!"), /does not match its descriptor \(expected 7 bytes, received more\)/],
    ["no bytes", Buffer.alloc(0), /does not match its descriptor \(expected 7 bytes, received 0\)/],
  ] as const)
    it(`leave nothing of a blob with ${what}`, async (t) => {
      const found = await setting(t);
      storeArtifact(found.registry, "1", [fileLayer("good", "good"), fileLayer("f", "content")]);
      found.registry.blobs.set(digestOf(Buffer.from("content")), bytes);
      await assertRefused(found, message);
    });

  it("leave nothing of an artifact with a missing blob", async (t) => {
    const found = await setting(t);
    storeArtifact(found.registry, "1", [folderLayer("t", ARCHIVE), fileLayer("f", "content")]);
    found.registry.blobs.delete(digestOf(Buffer.from("content")));
    await assertRefused(found, /BLOB_UNKNOWN/);
  });

  for (const [what, bytes] of [
    ["other content", Buffer.from("other")],
    ["the compressed layer", gzipSync(ARCHIVE)],
    ["the tar without its end", ARCHIVE.subarray(0, -512)],
  ] as const)
    it(`leave nothing of a folder whose content digest is that of ${what}`, async (t) => {
      const found = await setting(t);
      const layer = folderLayer("t", ARCHIVE);
      const annotations = { ...layer.annotations, "io.deis.oras.content.digest": `sha256:${sha256(bytes)}` };
      storeArtifact(found.registry, "1", [{ ...layer, annotations }]);
      const why = `expected sha256:${sha256(bytes)}, found sha256:${sha256(ARCHIVE)}`;
      await assertRefused(found, new RegExp(`the content of the folder t does not match its digest \\(${why}\\)`));
    });

  const broken: Record<string, StoredLayer> = {
    "in truncated gzip": folderLayer("t", ARCHIVE, gzipSync(ARCHIVE).subarray(0, -100)),
    "in gzip with a wrong checksum": folderLayer(
      "t",
      ARCHIVE,
      Buffer.from(gzipSync(ARCHIVE).map((byte, index, all) => (index === all.length - 8 ? byte ^ 1 : byte))),
    ),
    "in truncated zstd": folderLayer("t", ARCHIVE, zstdCompressSync(ARCHIVE).subarray(0, -100)),
    "in zlib instead of gzip": folderLayer("t", ARCHIVE, deflateSync(ARCHIVE)),
    "with a truncated archive": folderLayer("t", ARCHIVE, gzipSync(ARCHIVE.subarray(0, 3000))),
    "without bytes": folderLayer("t", ARCHIVE, Buffer.alloc(0)),
  };
  for (const [what, layer] of Object.entries(broken))
    it(`leave nothing of a folder ${what}`, async (t) => {
      const found = await setting(t);
      storeArtifact(found.registry, "1", [fileLayer("good", "good"), layer]);
      await assertRefused(found, /the layer t is not a complete tar archive/);
    });

  for (const title of ["../f", "/etc/f", "a/../../f", "..", "a\0b"])
    it(`leave nothing of a file with the title ${JSON.stringify(title)}`, async (t) => {
      const found = await setting(t);
      storeArtifact(found.registry, "1", [fileLayer("good", "good"), fileLayer(title, "x")]);
      await assertRefused(found, /cannot pull the artifact .* \(a layer's title .* is a/);
    });

  for (const title of [".", ""])
    it(`leave nothing of a file with the title ${JSON.stringify(title)}`, async (t) => {
      const found = await setting(t);
      storeArtifact(found.registry, "1", [fileLayer("good", "good"), fileLayer(title, "x")]);
      await assertRefused(found, /contains no file name/);
    });

  const hostile: Record<string, readonly Entry[]> = {
    "../x": [{ name: "t/../../x" }],
    "an absolute path": [{ name: "/tmp/x" }],
    "a path through a link": [
      { name: "t/l", flag: "2", link: "." },
      { name: "t/l/x", content: "x" },
    ],
    "a link out": [{ name: "t/l", flag: "2", link: "../../outside" }],
  };
  for (const [what, entries] of Object.entries(hostile))
    it(`leave nothing of a folder with ${what}`, async (t) => {
      const found = await setting(t);
      storeArtifact(found.registry, "1", [fileLayer("good", "good"), folderLayer("t", tarOf(entries))]);
      await assertRefused(found, /the artifact contains an unsafe entry/);
    });

  const refused: Record<string, Entry> = {
    "a link out": { name: "l", flag: "2", link: ".." },
    "a link instead of it": { name: ".", flag: "2", link: "x" },
    "a file instead of it": { name: ".", content: "x" },
    "a path out": { name: "../x" },
  };
  for (const [what, entry] of Object.entries(refused))
    it(`leave nothing of a folder with the title "." and ${what}`, async (t) => {
      const found = await setting(t);
      storeArtifact(found.registry, "1", [fileLayer("good", "good"), folderLayer(".", tarOf([entry]))]);
      await assertRefused(found, /the artifact contains an unsafe entry/);
    });

  it("leave nothing of a layer whose links lead another layer out of the folder", async (t) => {
    const found = await setting(t);
    const links: Entry[] = [
      { name: "t/b", flag: "5" },
      { name: "t/b/m", flag: "2", link: ".." },
      { name: "t/out", flag: "2", link: "b/m/../.." },
    ];
    // The target of the link t/out is `b/m/../..`. If t/b/m were a folder, t/out would lead to t. But t/b/m is a link
    // to t, so t/out leads to the parent of the pull's folder.
    storeArtifact(found.registry, "1", [folderLayer("t", tarOf(links)), fileLayer("t/out/escaped", "x")]);
    await assertRefused(found, /the artifact contains an unsafe entry: "t\/out"/);
  });

  it("leave nothing of layers whose links lead another layer out of the folder together", async (t) => {
    const found = await setting(t);
    const layer = (name: string, link: string) => folderLayer("t", tarOf([{ name, flag: "2", link }]));
    // As plain text, the targets of all three links are t. But t/a is a link to t, so t/b leads to the pull's folder,
    // which contains t. Therefore, t/c leads to the parent of the pull's folder.
    const layers = [layer("t/a", "."), layer("t/b", "a/.."), layer("t/c", "b/..")];
    storeArtifact(found.registry, "1", [...layers, fileLayer("t/c/escaped", "x")]);
    await assertRefused(
      found,
      /cannot pull the artifact .* \(the layer "t\/c\/escaped" conflicts with another layer\)/,
    );
  });

  for (const [what, layers] of Object.entries({
    "two files with one name": [fileLayer("f", "1"), fileLayer("./f", "2")],
    "a file and a folder with one name": [fileLayer("t", "1"), folderLayer("t", ARCHIVE)],
    "a folder and a file with one name": [folderLayer("t", ARCHIVE), fileLayer("t", "1")],
    "a file and a folder on the path of another file": [fileLayer("a", "1"), fileLayer("a/b", "2")],
    "folders with one file": [folderLayer("t", ARCHIVE), folderLayer("t", tarOf([{ name: "t/f", content: "2" }]))],
  }))
    it(`leave nothing of ${what}, which conflict`, async (t) => {
      const found = await setting(t);
      storeArtifact(found.registry, "1", [fileLayer("good", "good"), ...layers]);
      await assertRefused(found, /the layer ".*" conflicts with another layer/);
    });

  it("write nothing through an existing link on the path of a file", async (t) => {
    const found = await setting(t);
    mkdirSync(found.folder);
    mkdirSync(join(found.base, "outside"));
    symlinkSync("../outside", join(found.folder, "t"));
    storeArtifact(found.registry, "1", [fileLayer("good", "good"), fileLayer("t/escaped", "x")]);
    await assert.rejects(found.pull("1"), (error: ToolError) => {
      assert.equal(`${error.message} (${error.why})`, `${join(found.folder, "t")} already exists (it is not a folder)`);
      return error.exitCode === 73;
    });
    assert.deepEqual(treeOf(found.base), { into: "folder", "into/t": "-> ../outside", outside: "folder" });
  });

  it("keep existing files unchanged", async (t) => {
    const found = await setting(t);
    mkdirSync(join(found.folder, "t"), { recursive: true });
    writeFileSync(join(found.folder, "t", "f"), "old");
    storeArtifact(found.registry, "1", [folderLayer("t", ARCHIVE), fileLayer("f", "content")]);
    found.registry.blobs.delete(digestOf(Buffer.from("content")));
    await assertRefused(found, /BLOB_UNKNOWN/);
  });
});

describe("pulls from a failing registry", () => {
  it("resume a download", async (t) => {
    const { registry, folder, pull } = await setting(t);
    const bytes = noise(3 << 20);
    storeArtifact(registry, "1", [folderLayer("t", ARCHIVE), fileLayer("large", bytes)]);
    registry.intercept(
      first(
        1,
        (method, url) => method === "GET" && url.endsWith(digestOf(bytes)),
        (_, response) => {
          response.writeHead(200, { "content-length": bytes.length });
          response.write(bytes.subarray(0, 1 << 20), () => response.socket?.resetAndDestroy());
        },
      ),
    );
    await pull("1");
    assertBytes(readFileSync(join(folder, "large")), bytes);
    assert.equal(registry.requests.filter(({ headers }) => headers.range !== undefined).length, 1);
  });

  it("retry a 500 and a 503", async (t) => {
    const { registry, folder, pull } = await setting(t);
    storeArtifact(registry, "1", [folderLayer("t", ARCHIVE)]);
    for (const status of [500, 503]) {
      const [manifest, blob] = [failing(status, STEPS.getManifest), failing(status, STEPS.getBlob)];
      registry.intercept(async (request, response) => (await manifest(request, response)) || blob(request, response));
      await pull("1");
    }
    assert.equal(treeOf(folder)["t/f"], "content");
  });
});

describe("names that are not UTF-8", () => {
  it("stay the same after a push and a pull, into an empty and an existing folder", async (t) => {
    const registry = await memoryRegistry(t);
    const folder = temporaryFolder(t);
    const name = (text: string) => Buffer.from(`${folder}/tree/${text}`, "latin1");
    mkdirSync(name("d\xe9"), { recursive: true });
    writeFileSync(name("d\xe9/f\xff"), "1");
    writeFileSync(name("\xfe"), "2");
    symlinkSync(Buffer.from("d\xe9/f\xff", "latin1"), name("l"));
    const reference = `${registry.address}/metric/run:1`;
    for (const args of [[reference, "tree"], ...Array(2).fill(["pull", reference, "-o", "back"])]) {
      const { code, stderr } = await runTool("oras-push", args, { cwd: folder });
      assert.equal(code, 0, stderr);
    }
    const difference = spawnSync("diff", ["-r", "--no-dereference", "tree", "back/tree"], { cwd: folder });
    assert.equal(String(difference.stdout), "");
    const kept = await runTool("oras-push", ["pull", reference, "-o", "back", "-k"], { cwd: folder });
    assert.equal(kept.code, 73);
    assert.deepEqual(readdirSync(join(folder, "back")), ["tree"]);
  });
});

/** Returns the total size of the files in a folder, in bytes. */
function bytesIn(folder: string): number {
  const sizes = readdirSync(folder, { recursive: true }).map((name) => statSync(join(folder, String(name))));
  return sizes.reduce((sum, stats) => sum + (stats.isFile() ? stats.size : 0), 0);
}

describe("interrupted pulls", () => {
  for (const [what, layer] of [
    ["a folder", folderLayer("t", tarOf([{ name: "t/f", content: noise(8 << 20) }]))],
    ["a file", fileLayer("f", noise(8 << 20))],
  ] as const)
    it(`exit with 143 in the middle of ${what}, and leave nothing`, async (t) => {
      const registry = await memoryRegistry(t);
      const folder = temporaryFolder(t);
      storeArtifact(registry, "1", [layer]);
      const pulling = startTool("oras-push", ["pull", `${registry.address}/metric/run:1`, "-o", "into"], {
        cwd: folder,
      });
      registry.intercept(
        first(1, STEPS.getBlob, async (_, response) => {
          response.writeHead(200, { "content-length": layer.bytes.length }).write(layer.bytes.subarray(0, 4 << 20));
          await t.waitFor(() => assert.ok(bytesIn(join(folder, "into")) > 1 << 20), { timeout: 30_000 });
          pulling.child.kill("SIGTERM");
        }),
      );
      const { code, stderr } = await pulling.ended;
      assert.equal(code, 143, stderr);
      assert.match(stderr, /\noras-push: ended by SIGTERM\n$/);
      assert.deepEqual(readdirSync(join(folder, "into")), []);
    });
});

describe("pulls by a normal user", () => {
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? { uid: 65534, gid: 65534 } : {};

  for (const [what, more, code] of [
    ["restore folders without write permission", [], 0],
    ["remove folders without write permission if they fail", [fileLayer("missing", "missing")], 76],
  ] as const)
    it(what, async (t) => {
      const registry = await memoryRegistry(t);
      const base = temporaryFolder(t);
      chmodSync(base, 0o777);
      const closed = tarOf([
        { name: "t", flag: "5", mode: 0o555 },
        { name: "t/d", flag: "5", mode: 0o555 },
        { name: "t/d/f", content: "content", mode: 0o400 },
      ]);
      storeArtifact(registry, "1", [folderLayer("t", closed), ...more]);
      registry.blobs.delete(digestOf(Buffer.from("missing")));
      const args = ["pull", `${registry.address}/metric/run:1`, "-o", join(base, "into")];
      const pulled = await runTool("oras-push", args, { cwd: base, ...user });
      assert.equal(pulled.code, code, pulled.stderr);
      assert.deepEqual(
        treeOf(join(base, "into")),
        code === 0 ? { t: "folder", "t/d": "folder", "t/d/f": "content" } : {},
      );
      if (code === 0) assert.equal(statSync(join(base, "into", "t")).mode & 0o777, 0o555);
      else assert.match(pulled.stderr, /BLOB_UNKNOWN/);
    });
});

describe("a folder and a file with one name", () => {
  it("do not replace each other: the pull exits with 73 and the path", async (t) => {
    const registry = await memoryRegistry(t);
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "run"));
    writeFileSync(join(folder, "run", "precious"), "kept\n");
    storeArtifact(registry, "file", [fileLayer("run", "other\n")]);
    const reference = `${registry.address}/metric/run:file`;
    const { code, stderr } = await runTool("oras-push", ["pull", reference, "-o", folder]);
    assert.equal(code, 73);
    assert.match(stderr, /oras-push: \S+\/run already exists \(it is a folder\)\n$/);
    assert.deepEqual(treeOf(folder), { run: "folder", "run/precious": "kept\n" });
  });
});
