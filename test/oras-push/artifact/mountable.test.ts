import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { gunzipSync } from "node:zlib";
import { ANNOTATIONS } from "oras-push/oci/annotations";
import type { Descriptor } from "oras-push/oci/descriptor";
import { pushOutputs } from "oras-push/sidecar/push-outputs";
import type { SidecarPlan } from "oras-push/sidecar/sidecar-plan";
import type { MemoryRegistry } from "../../../support/registry/memory-registry.ts";
import { run, runTool } from "../../../support/tools.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { memoryRegistry, NO_PROGRESS } from "../support.ts";

const IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json";

interface StoredManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

function manifest(registry: MemoryRegistry, tag: string): StoredManifest {
  return JSON.parse(registry.manifests.get(`run:${tag}`)?.bytes.toString() ?? "{}");
}

const tagsIn = (registry: MemoryRegistry) =>
  [...registry.manifests.keys()].filter((key) => key.startsWith("run:")).map((key) => key.slice(4));

const sha256 = (bytes: Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Asserts that a config lists the archives of its layers. */
function assertImage(registry: MemoryRegistry, { config, layers }: StoredManifest): void {
  assert.equal(config.mediaType, IMAGE_CONFIG);
  const archives = layers.map(({ digest }) => gunzipSync(registry.blobs.get(digest) as Buffer));
  assert.deepEqual(JSON.parse((registry.blobs.get(config.digest) as Buffer).toString()), {
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: archives.map(sha256) },
  });
}

function sources(t: TestContext): string {
  const folder = temporaryFolder(t);
  for (const name of ["a", "b"]) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "file"), `content of ${name}`);
  }
  writeFileSync(join(folder, "c.txt"), "content of c");
  writeFileSync(join(folder, "d.txt"), "content of d");
  return folder;
}

describe("a mountable artifact", () => {
  const push = (registry: MemoryRegistry, cwd: string, ...args: string[]) =>
    runTool("oras-push", ["--mountable", `${registry.address}/run:1`, ...args], {
      cwd,
      env: { ...process.env, SOURCE_DATE_EPOCH: "1700000000" },
    });

  it("of folders is an image itself", async (t) => {
    const registry = await memoryRegistry(t);
    const { code, stdout, stderr } = await push(registry, sources(t), "a", "b");
    assert.equal(code, 0, stderr);
    assert.equal(stdout.split("\n").length, 3);
    assert.deepEqual(tagsIn(registry), ["1"]);
    assertImage(registry, manifest(registry, "1"));
    assert.deepEqual(
      manifest(registry, "1").layers.map(({ annotations }) => annotations?.[ANNOTATIONS.title]),
      ["a", "b"],
    );
  });

  it("with files has an image beside it, with the same folders and an archive of the files", async (t) => {
    const registry = await memoryRegistry(t);
    const { code, stdout, stderr } = await push(registry, sources(t), "c.txt", "a", "d.txt");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Pushed .*\/run:1\nDigest: .*\nPushed .*\/run:1-image\nDigest: .*\n$/);
    assert.deepEqual(tagsIn(registry), ["1-image", "1"], "the image is there first");
    const [artifact, image] = [manifest(registry, "1"), manifest(registry, "1-image")];
    assert.notEqual(artifact.config.mediaType, IMAGE_CONFIG);
    assert.equal(artifact.layers.length, 3);
    assertImage(registry, image);
    assert.equal(image.layers.length, 2);
    assert.deepEqual(image.layers[0], artifact.layers[1]);
    assert.equal(image.layers[1]?.annotations?.[ANNOTATIONS.title], undefined);
    const digest = sha256(registry.manifests.get("run:1")?.bytes as Buffer);
    assert.deepEqual(image.annotations, {
      [ANNOTATIONS.created]: "2023-11-14T22:13:20Z",
      [ANNOTATIONS.imageOf]: digest,
    });
    const archive = gunzipSync(registry.blobs.get(image.layers[1]?.digest as string) as Buffer);
    const file = join(temporaryFolder(t), "archive.tar");
    writeFileSync(file, archive);
    assert.equal((await run("tar", ["-tf", file])).stdout, "c.txt\nd.txt\n");
  });

  it("is the same after a second push, which sends nothing and keeps the tags", async (t) => {
    const registry = await memoryRegistry(t);
    const folder = sources(t);
    const first = await push(registry, folder, "a", "c.txt");
    const sent = registry.requests.length;
    const second = await push(registry, folder, "--no-clobber", "a", "c.txt");
    assert.equal(second.code, 0, second.stderr);
    assert.equal(second.stdout, first.stdout);
    assert.deepEqual(
      registry.requests.slice(sent).filter(({ method }) => method !== "GET" && method !== "HEAD"),
      [],
    );
  });

  it("differs from an artifact that cannot be mounted, for --no-clobber", async (t) => {
    const registry = await memoryRegistry(t);
    const folder = sources(t);
    const env = { ...process.env, SOURCE_DATE_EPOCH: "1700000000" };
    assert.equal((await runTool("oras-push", [`${registry.address}/run:1`, "a"], { cwd: folder, env })).code, 0);
    assert.equal((await push(registry, folder, "--no-clobber", "a")).code, 73);
  });

  it("has no set-user-ID and set-group-ID bits", async (t) => {
    const registry = await memoryRegistry(t);
    const folder = sources(t);
    chmodSync(join(folder, "a", "file"), 0o6755);
    chmodSync(join(folder, "c.txt"), 0o4755);
    chmodSync(join(folder, "a"), 0o2775);
    assert.equal((await push(registry, folder, "a", "c.txt")).code, 0);
    for (const { digest } of manifest(registry, "1-image").layers) {
      const file = join(temporaryFolder(t), "archive.tar");
      writeFileSync(file, gunzipSync(registry.blobs.get(digest) as Buffer));
      const { stdout } = await run("tar", ["-tvf", file]);
      assert.match(stdout, /^(drwxrwxr-x .* a\n-rwxr-xr-x .* a\/file|-rwxr-xr-x .* c.txt)\n$/);
    }
  });

  for (const [what, make, paths, message] of [
    [
      "a name of a whiteout in a folder",
      (folder: string) => writeFileSync(join(folder, "a", ".wh.out"), ""),
      ["a"],
      /\/a\/\.wh\.out mountable: .*deletes a file/,
    ],
    [
      "a file with the name of a whiteout",
      (folder: string) => writeFileSync(join(folder, ".wh.c"), ""),
      [".wh.c"],
      /\.wh\.c mountable: .*deletes a file/,
    ],
    [
      "a folder with another media type",
      () => {},
      ["a:x/y"],
      /cannot make a mountable: a folder in an image has the media type/,
    ],
    [
      "more than 127 folders",
      (folder: string) => {
        for (let index = 0; index < 128; index++) mkdirSync(join(folder, `f${index}`));
      },
      Array.from({ length: 128 }, (_, index) => `f${index}`),
      /it needs 128 layers, and an image has at most 127/,
    ],
  ] as const)
    it(`is refused with ${what}`, async (t) => {
      const registry = await memoryRegistry(t);
      const folder = sources(t);
      make(folder);
      const { code, stderr } = await push(registry, folder, ...paths);
      assert.equal(code, 66, stderr);
      assert.match(stderr.replace(/ \(/g, ": "), message);
      assert.match(stderr, /hint: .*push without --mountable/);
      assert.deepEqual(tagsIn(registry), []);
    });

  it("is refused if the tag is too long", async (t) => {
    const args = ["--mountable", `localhost:1/run:${"x".repeat(123)}`, "a"];
    const { code, stderr } = await runTool("oras-push", args, { cwd: sources(t) });
    assert.equal(code, 64);
    assert.match(stderr, /the tag and -image together must have at most 128 characters/);
  });

  describe("that a sidecar pushes", () => {
    async function pushAsSidecar(t: TestContext, names: readonly string[], prepare = (_: string) => {}) {
      const registry = await memoryRegistry(t);
      const folder = sources(t);
      prepare(folder);
      const warnings: string[] = [];
      const plan = {
        ...{
          artifactType: undefined,
          annotations: {},
          annotationFile: { manifest: {}, config: {}, layers: new Map() },
        },
        ...{ level: 5, patterns: { include: [], exclude: [] }, noClobber: false, mountable: true, share: folder },
        ...{ plainHttp: undefined, insecure: false, retrySeconds: 1, debug: false, concurrency: 3 },
      } as unknown as SidecarPlan;
      const reference = { registry: registry.address, repository: "run", tag: "1", digest: undefined };
      const order = { reference, mediaTypes: new Map(), annotations: {}, partial: false, confirm: async () => {} };
      const signal = new AbortController().signal;
      const warn = (line: string) => warnings.push(line);
      const context = { env: {}, signal, log: () => {}, warn, progress: NO_PROGRESS };
      const paths = names.map((name) => join(folder, name));
      const pushed = await pushOutputs({ ...order, paths } as never, plan, context);
      assert.equal(pushed.reference, `${registry.address}/run:1`);
      return { registry, warnings };
    }

    it("has an image beside it if it has files", async (t) => {
      const { registry, warnings } = await pushAsSidecar(t, ["a", "c.txt"]);
      assert.deepEqual(tagsIn(registry), ["1-image", "1"]);
      assertImage(registry, manifest(registry, "1-image"));
      assert.deepEqual(warnings, []);
    });

    it("has no image, but a warning, if the outputs cannot be mounted", async (t) => {
      const whiteout = (folder: string) => writeFileSync(join(folder, "a", ".wh.out"), "");
      const { registry, warnings } = await pushAsSidecar(t, ["a", "c.txt"], whiteout);
      assert.deepEqual(tagsIn(registry), ["1"]);
      assert.equal(manifest(registry, "1").layers.length, 2);
      assert.match(
        warnings.join("\n"),
        /the artifact is pushed, but is not mountable: cannot make .*\.wh\.out mountable/,
      );
    });
  });

  it("is pruned together with its image", async (t) => {
    const registry = await memoryRegistry(t);
    const folder = sources(t);
    for (const tag of ["1", "2"])
      assert.equal(
        (
          await runTool(
            "oras-push",
            ["--mountable", "-a", `n=${tag}`, `${registry.address}/run:${tag}`, "a", "c.txt"],
            { cwd: folder },
          )
        ).code,
        0,
      );
    const args = ["prune", "--yes", "--state", "other", "--keep", "1", `${registry.address}/run`];
    const { code, stdout, stderr } = await runTool("oras-push", args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^deleted .*run:\d-image .* image of .*\ndeleted .*run:\d .*\ndeleted 2 of 2 artifacts\n$/);
    const left = tagsIn(registry).sort();
    assert.deepEqual(left, [left[0], `${left[0]}-image`]);
  });
});
