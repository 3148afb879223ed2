/**
 * Fills repositories with random manifests: runs, other artifacts, indexes, and referrers such as signatures. Some runs
 * share blobs, and some runs have other runs as inputs.
 */
import { ANNOTATIONS } from "oras-push/oci/annotations";
import type { ArtifactStore } from "oras-push/oci/artifact-store";
import { type Annotations, type Descriptor, EMPTY_CONTENT, EMPTY_DESCRIPTOR } from "oras-push/oci/descriptor";
import type { Digest } from "oras-push/oci/digest";
import { buildManifest, type StoredManifest } from "oras-push/oci/manifest";
import { OCI_INDEX, OCI_MANIFEST } from "oras-push/oci/media-types";
import { digestOf } from "oras-push/oci/meter";
import { referrersTag } from "oras-push/oci/referrers";
import { pick } from "./random.ts";
import { runAnnotations } from "./results.ts";

/** The properties of a manifest that a test pushed. */
export interface KnownArtifact {
  /** The number of the repository. */
  readonly repository: number;
  readonly kind: "run" | "foreign" | "index" | "referrer";
  readonly digest: Digest;
  /** The tags that refer to the manifest after all pushes so far. */
  readonly tags: Set<string>;
  readonly annotations: Annotations;
  /** The end of the run, in minutes after `FIRST_START`. If `kind` is not `run`, this is 0. */
  readonly end: number;
  readonly inputs: readonly Digest[];
  readonly listed: readonly Digest[];
  readonly subject: Digest | undefined;
}

/** Pushes `count` random manifests to the stores. */
export async function pushRandomResults(
  random: () => number,
  stores: readonly ArtifactStore[],
  count: number,
): Promise<KnownArtifact[]> {
  for (const store of stores) await store.pushBlob(EMPTY_CONTENT, EMPTY_DESCRIPTOR.digest);
  const known: KnownArtifact[] = [];
  for (let index = 0; index < count; index++) {
    const repository = Math.floor(random() * stores.length);
    const push = pick(random, [pushRun, pushRun, pushRun, pushRun, pushRun, pushForeign, pushIndex, pushReferrer]);
    const pushed = await push({ random, store: stores[repository] as ArtifactStore, repository, index, known });
    if (pushed !== undefined) known.push(pushed);
  }
  return known;
}

interface Turn {
  readonly random: () => number;
  readonly store: ArtifactStore;
  readonly repository: number;
  readonly index: number;
  readonly known: readonly KnownArtifact[];
}

const NOTHING = { inputs: [], listed: [], subject: undefined, annotations: {} } as const;

async function pushRun(turn: Turn): Promise<KnownArtifact> {
  const { random, repository, index, known } = turn;
  const end = Math.floor(random() * 1000);
  const runs = known.filter(({ kind }) => kind === "run");
  const inputs = runs.filter(() => random() < 1.5 / (runs.length + 1)).map(({ digest }) => digest);
  const named = inputs.map((digest) => ({ reference: "registry:5000/some/run:1", digest }));
  const annotations = {
    ...runAnnotations(end - 1, random() < 0.4 ? 1 : 0),
    ...(random() < 0.2 ? { [ANNOTATIONS.incomplete]: "true" } : {}),
    ...(random() < 0.2 ? { [ANNOTATIONS.checkpoint]: "1" } : {}),
    ...(inputs.length > 0 ? { [ANNOTATIONS.inputs]: JSON.stringify(named) } : {}),
    number: String(index),
  };
  const manifest = buildManifest({ layers: await pushLayers(turn), annotations });
  const tags = await pushTags(turn, manifest);
  return { ...NOTHING, repository, kind: "run", digest: manifest.descriptor.digest, tags, annotations, end, inputs };
}

async function pushForeign(turn: Turn): Promise<KnownArtifact> {
  const annotations = { number: String(turn.index) };
  const manifest = buildManifest({ layers: await pushLayers(turn), annotations });
  const tags = await pushTags(turn, manifest);
  const { repository } = turn;
  return { ...NOTHING, repository, kind: "foreign", digest: manifest.descriptor.digest, tags, annotations, end: 0 };
}

async function pushIndex(turn: Turn): Promise<KnownArtifact | undefined> {
  const { random, repository, known, index } = turn;
  const here = known.filter((one) => one.repository === repository && one.kind !== "referrer");
  if (here.length === 0) return undefined;
  const chosen = [pick(random, here), pick(random, here)];
  const manifests = chosen.map(({ digest, kind }) => ({
    mediaType: kind === "index" ? OCI_INDEX : OCI_MANIFEST,
    digest,
    size: 1000,
  }));
  const manifest = stored(
    { schemaVersion: 2, mediaType: OCI_INDEX, manifests, annotations: { number: `${index}` } },
    OCI_INDEX,
  );
  const tags = await pushTags(turn, manifest);
  const listed = chosen.map(({ digest }) => digest);
  return { ...NOTHING, repository, kind: "index", digest: manifest.descriptor.digest, tags, end: 0, listed };
}

/**
 * Pushes a manifest that refers to another manifest. The new manifest has a normal tag, no tag, or a tag like
 * `sha256-....sig`.
 */
async function pushReferrer(turn: Turn): Promise<KnownArtifact | undefined> {
  const { random, store, repository, known, index } = turn;
  const here = known.filter((one) => one.repository === repository);
  if (here.length === 0) return undefined;
  const subject = pick(random, here).digest;
  const way = pick(random, ["tag", "no tag", "attached"] as const);
  const descriptor = { mediaType: OCI_MANIFEST, digest: subject, size: 1000 };
  const config = { mediaType: EMPTY_DESCRIPTOR.mediaType, digest: EMPTY_DESCRIPTOR.digest, size: 2 };
  const content = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config,
    layers: [config],
    annotations: { number: `${index}` },
    ...(way === "attached" ? {} : { subject: descriptor }),
  };
  const manifest = stored(content, OCI_MANIFEST);
  const { digest } = manifest.descriptor;
  const tag = way === "tag" ? `referrer-${index}` : way === "attached" ? `${referrersTag(subject)}.sig` : undefined;
  if (way === "attached" && known.some(({ tags }) => tags.has(tag ?? ""))) return undefined;
  await store.pushManifest(manifest, tag);
  if (way === "no tag") await listReferrer(store, subject, manifest);
  const tags = new Set(tag === undefined ? [] : [tag]);
  return { ...NOTHING, repository, kind: "referrer", digest, tags, end: 0, subject };
}

/** Adds a referrer to the index of referrers, if the store does not list referrers itself. */
async function listReferrer(store: ArtifactStore, subject: Digest, referrer: StoredManifest): Promise<void> {
  const listed = await store.listReferrers(subject);
  if (listed.includes(referrer.descriptor.digest)) return;
  const manifests = [...listed.map((digest) => ({ ...referrer.descriptor, digest })), referrer.descriptor];
  await store.pushManifest(
    stored({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, OCI_INDEX),
    referrersTag(subject),
  );
}

async function pushLayers({ random, store, index }: Turn): Promise<Descriptor[]> {
  const contents = ["shared 0", "shared 1", "shared 2", "shared 3", `own ${index}`].filter(() => random() < 0.5);
  const layers = contents.map((content) => {
    const bytes = Buffer.from(content);
    const annotations = { [ANNOTATIONS.title]: content };
    return { bytes, descriptor: { mediaType: "text/plain", digest: digestOf(bytes), size: bytes.length, annotations } };
  });
  for (const { bytes, descriptor } of layers) await store.pushBlob(bytes, descriptor.digest);
  return layers.map(({ descriptor }) => descriptor);
}

/** Pushes a manifest with one or two new tags. Sometimes also moves a tag from another manifest to this manifest. */
async function pushTags(
  { random, store, repository, index, known }: Turn,
  manifest: StoredManifest,
): Promise<Set<string>> {
  const tags = new Set([`t${index}`]);
  if (random() < 0.2) tags.add(`also-${index}`);
  const others = known.filter((one) => one.repository === repository && one.kind !== "referrer" && one.tags.size > 0);
  if (random() < 0.15 && others.length > 0) {
    const other = pick(random, others);
    const [moved] = other.tags;
    if (moved !== undefined) {
      other.tags.delete(moved);
      tags.add(moved);
    }
  }
  for (const tag of tags) await store.pushManifest(manifest, tag);
  return tags;
}

function stored(content: unknown, mediaType: string): StoredManifest {
  const bytes = Buffer.from(JSON.stringify(content));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}
