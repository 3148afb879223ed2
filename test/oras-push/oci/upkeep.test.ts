/** Tests lists, referrers and deletion in all registries and in an OCI layout. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { mapConcurrently } from "oras-push/artifact/concurrency";
import type { ArtifactStore } from "oras-push/oci/artifact-store";
import { EMPTY_CONTENT, EMPTY_DESCRIPTOR } from "oras-push/oci/descriptor";
import type { Digest } from "oras-push/oci/digest";
import { openLayout } from "oras-push/oci/layout/layout";
import { buildManifest, type StoredManifest } from "oras-push/oci/manifest";
import { OCI_INDEX, OCI_MANIFEST } from "oras-push/oci/media-types";
import { digestOf } from "oras-push/oci/meter";
import { referrersTag, subjectOfTag } from "oras-push/oci/referrers";
import { listRepositories } from "oras-push/oci/registry";
import { Repository } from "oras-push/oci/repository";
import { findProgram } from "../../../support/debian.ts";
import { refuse } from "../../../support/registry/memory-registry.ts";
import { startDistribution } from "../../../support/registry/process-registry.ts";
import { REGISTRIES, type RegistryKind } from "../../support/registries.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { connect, memoryRegistry, startServer } from "../support.ts";

const never = new AbortController().signal;

interface Place {
  readonly name: string;
  readonly skip: string | false;
  readonly open: (t: TestContext) => Promise<{ readonly store: ArtifactStore; readonly folder: string }>;
}

/** Starts a registry for one test. Returns a repository that the test may change. */
async function repositoryOf(t: TestContext, kind: RegistryKind, name = "metric/run") {
  const folder = temporaryFolder(t);
  const registry = await kind.start(folder);
  t.after(() => registry.close());
  const transport = connect(t, registry.address);
  return { store: new Repository(transport, name, "pull,push"), transport, folder };
}

const PLACES: readonly Place[] = [
  ...REGISTRIES.map((kind) => ({
    name: kind.name,
    skip: kind.skip,
    open: (t: TestContext) => repositoryOf(t, kind),
  })),
  {
    name: "an OCI layout",
    skip: false,
    open: async (t) => {
      const folder = temporaryFolder(t);
      return { store: await openLayout(folder, "pull,push", never), folder };
    },
  },
];

/** Pushes an artifact with the layers `contents`. */
async function pushArtifact(store: ArtifactStore, tag: string | undefined, ...contents: string[]): Promise<Digest> {
  const layers = contents.map((content) => {
    const bytes = Buffer.from(content);
    return { bytes, descriptor: { mediaType: "text/plain", digest: digestOf(bytes), size: bytes.length } };
  });
  await store.pushBlob(EMPTY_CONTENT, EMPTY_DESCRIPTOR.digest);
  for (const { bytes, descriptor } of layers) await store.pushBlob(bytes, descriptor.digest);
  const manifest = buildManifest({ layers: layers.map(({ descriptor }) => descriptor), annotations: {} });
  await store.pushManifest(manifest, tag);
  return manifest.descriptor.digest;
}

function stored(content: unknown, mediaType: string): StoredManifest {
  const bytes = Buffer.from(JSON.stringify(content));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

/** Returns a manifest that refers to a subject, as a signature does. Its only layer is the empty blob. */
function referrerOf(subject: Digest, size: number): StoredManifest {
  const descriptor = { mediaType: OCI_MANIFEST, digest: subject, size };
  const config = { mediaType: EMPTY_DESCRIPTOR.mediaType, digest: EMPTY_DESCRIPTOR.digest, size: 2 };
  return stored(
    { schemaVersion: 2, mediaType: OCI_MANIFEST, artifactType: "x/y", config, layers: [config], subject: descriptor },
    OCI_MANIFEST,
  );
}

for (const { name, skip, open } of PLACES)
  describe(`${name}: an artifact`, { skip }, () => {
    it("is deleted with its tags, and other artifacts with the same blobs stay whole", async (t) => {
      const { store } = await open(t);
      const gone = await pushArtifact(store, "a", "shared", "only a");
      await pushArtifact(store, "b", "shared", "only a");
      const kept = await pushArtifact(store, "c", "shared", "only c");
      await store.deleteManifest(gone, ["a", "b"]);
      await store.deleteUnusedBlobs();
      assert.deepEqual(await store.listTags(), ["c"]);
      assert.equal(await store.fetchManifest(gone), undefined);
      assert.equal((await store.fetchManifest("c"))?.descriptor.digest, kept);
      for (const content of ["shared", "only c"]) {
        const bytes = Buffer.from(content);
        const chunks: Buffer[] = [];
        for await (const chunk of store.fetchBlob({
          mediaType: "text/plain",
          digest: digestOf(bytes),
          size: bytes.length,
        }))
          chunks.push(chunk);
        assert.equal(Buffer.concat(chunks).toString(), content);
      }
      await store.deleteManifest(gone, ["a"]);
    });

    it("has blobs that are also read from an offset", async (t) => {
      const { store } = await open(t);
      const bytes = Buffer.from("0123456789");
      await store.pushBlob(bytes, digestOf(bytes));
      const descriptor = { mediaType: "text/plain", digest: digestOf(bytes), size: bytes.length };
      for (const start of [0, 1, 9]) {
        const chunks: Buffer[] = [];
        for await (const chunk of store.fetchBlob(descriptor, start)) chunks.push(chunk);
        assert.equal(Buffer.concat(chunks).toString(), "0123456789".slice(start));
      }
    });

    it("keeps a tag that was moved to another artifact", async (t) => {
      const { store } = await open(t);
      const gone = await pushArtifact(store, "moved", "old");
      const kept = await pushArtifact(store, "moved", "new");
      await store.deleteManifest(gone, ["moved"]);
      await store.deleteUnusedBlobs();
      assert.equal((await store.fetchManifest("moved"))?.descriptor.digest, kept);
      assert.equal(await store.fetchManifest(gone), undefined);
    });

    it("has the referrers that its store lists, or that an index under the referrers tag lists", async (t) => {
      const { store } = await open(t);
      const digest = await pushArtifact(store, "a", "content");
      assert.deepEqual(await store.listReferrers(digest), []);
      const referrer = referrerOf(digest, (await store.fetchManifest("a"))?.descriptor.size ?? 0);
      await store.pushManifest(referrer, undefined);
      if ((await store.listReferrers(digest)).length === 0) {
        const manifests = [referrer.descriptor];
        const index = stored({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, OCI_INDEX);
        await store.pushManifest(index, referrersTag(digest));
      }
      assert.deepEqual(await store.listReferrers(digest), [referrer.descriptor.digest]);
      assert.deepEqual(await store.listReferrers(referrer.descriptor.digest), []);
    });
  });

for (const kind of REGISTRIES)
  describe(`${kind.name}: a registry`, { skip: kind.skip }, () => {
    it("lists its repositories", async (t) => {
      const { transport } = await repositoryOf(t, kind);
      const names = ["metric/a", "metric/b/c", "other"];
      for (const name of names) await pushArtifact(new Repository(transport, name, "pull,push"), "1", "content");
      assert.deepEqual((await listRepositories(transport)).sort(), names);
    });

    it("lists more tags than fit on a page", async (t) => {
      const { store } = await repositoryOf(t, kind);
      await pushArtifact(store, "t0", "content");
      const manifest = (await store.fetchManifest("t0")) as StoredManifest;
      const tags = Array.from({ length: 1010 }, (_, index) => `t${index}`);
      await mapConcurrently(tags, 8, (tag) => store.pushManifest(manifest, tag));
      assert.deepEqual((await store.listTags()).sort(), tags.sort());
    });
  });

describe("a registry without these operations", () => {
  it("is reported with a hint if it does not delete manifests", {
    skip: !findProgram("docker-registry"),
  }, async (t) => {
    const environment = { REGISTRY_STORAGE_DELETE_ENABLED: "false" };
    const program = findProgram("docker-registry") as string;
    const registry = await startDistribution(program, join(temporaryFolder(t), "registry"), environment);
    t.after(() => registry.close());
    const store = new Repository(connect(t, registry.address), "metric/run", "pull,push");
    const digest = await pushArtifact(store, "a", "content");
    await assert.rejects(store.deleteManifest(digest, ["a"]), {
      code: "registry",
      message: `the registry ${registry.address} does not delete manifests`,
      hint: /REGISTRY_STORAGE_DELETE_ENABLED=true/,
    });
  });

  it("is reported with a hint if it does not list its repositories", async (t) => {
    const address = await startServer(t, (_, response) => refuse(response, 401, "UNAUTHORIZED", "not for you"));
    await assert.rejects(listRepositories(connect(t, address)), {
      code: "notAuthorized",
      message: `the registry ${address} does not list its repositories`,
      hint: /name of each repository/,
    });
  });

  it("does not repeat a page of tags for ever", async (t) => {
    const registry = await memoryRegistry(t);
    registry.intercept((request, response) => {
      if (!(request.url ?? "").includes("/tags/list")) return false;
      response.setHeader("link", '</v2/metric/run/tags/list>; rel="next"');
      response.writeHead(200).end('{"tags":["a"]}');
      return true;
    });
    const store = new Repository(connect(t, registry.address), "metric/run", "pull");
    await assert.rejects(store.listTags(), /returns the same page of tags again and again/);
  });
});

describe("an OCI layout", () => {
  it("loses exactly the blobs that no other manifest uses", async (t) => {
    const folder = temporaryFolder(t);
    const layout = await openLayout(folder, "pull,push", never);
    const gone = await pushArtifact(layout, "a", "shared", "only a");
    const listed = await pushArtifact(layout, "b", "only b");
    await pushArtifact(layout, "c", "shared");
    const manifests = [{ mediaType: OCI_MANIFEST, digest: listed, size: 1 }];
    await layout.pushManifest(stored({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, OCI_INDEX), "index");
    const has = (content: string) => existsSync(join(folder, "blobs/sha256", digestOf(Buffer.from(content)).slice(7)));
    const count = readdirSync(join(folder, "blobs/sha256")).length;
    await layout.deleteManifest(gone, ["a"]);
    await layout.deleteManifest(listed, ["b"]);
    assert.equal(readdirSync(join(folder, "blobs/sha256")).length, count, "blobs are deleted only by request");
    await layout.deleteUnusedBlobs();
    assert.deepEqual(await layout.listTags(), ["c", "index"]);
    assert.deepEqual([has("shared"), has("only a"), has("only b")], [true, false, true]);
    assert.equal(readdirSync(join(folder, "blobs/sha256")).length, count - 2);
    assert.ok(has(EMPTY_CONTENT.toString()));
  });

  it("keeps a manifest that another tag refers to", async (t) => {
    const folder = temporaryFolder(t);
    const layout = await openLayout(folder, "pull,push", never);
    const digest = await pushArtifact(layout, "a", "content");
    await pushArtifact(layout, "b", "content");
    await layout.deleteManifest(digest, ["a"]);
    await layout.deleteUnusedBlobs();
    assert.deepEqual(await layout.listTags(), ["b"]);
    assert.ok(await layout.fetchManifest("b"));
  });

  it("ignores a broken or missing manifest when it looks for referrers and unused blobs", async (t) => {
    const folder = temporaryFolder(t);
    const layout = await openLayout(folder, "pull,push", never);
    const gone = await pushArtifact(layout, "a", "content");
    const broken = await pushArtifact(layout, "broken", "x");
    writeFileSync(join(folder, "blobs/sha256", broken.slice(7)), "not JSON");
    const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { manifests: unknown[] };
    index.manifests.push({ mediaType: OCI_MANIFEST, digest: digestOf(Buffer.from("missing")), size: 1 });
    writeFileSync(join(folder, "index.json"), JSON.stringify(index));
    assert.deepEqual(await layout.listReferrers(gone), []);
    await layout.deleteManifest(gone, ["a"]);
    await layout.deleteUnusedBlobs();
    assert.ok(!existsSync(join(folder, "blobs/sha256", digestOf(Buffer.from("content")).slice(7))));
  });
});

describe("a tag that belongs to another manifest", () => {
  it("names this manifest", () => {
    const digest = digestOf(Buffer.from("x"));
    assert.equal(subjectOfTag(referrersTag(digest)), digest);
    assert.equal(subjectOfTag(`${referrersTag(digest)}.sig`), digest);
    for (const tag of ["latest", "sha256-12", `x${referrersTag(digest)}`]) assert.equal(subjectOfTag(tag), undefined);
  });
});
