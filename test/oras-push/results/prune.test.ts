/** Prunes random repositories, and pulls all runs and foreign artifacts that remain. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { inspect } from "node:util";
import { pull } from "oras-push/artifact/pull";
import { RUN_STATES, runState } from "oras-push/artifact/run-annotations";
import type { ArtifactStore } from "oras-push/oci/artifact-store";
import { openLayout } from "oras-push/oci/layout/layout";
import { linksOrNone } from "oras-push/oci/manifest-links";
import type { AnyReference } from "oras-push/oci/reference";
import { Repository } from "oras-push/oci/repository";
import { type PruneOrder, prune } from "oras-push/results/prune";
import type { PrunePolicy } from "oras-push/results/prune-plan";
import { PLAIN_CONNECTION } from "../../support/plain-connection.ts";
import { randomNumbers } from "../../support/random.ts";
import { type KnownArtifact, pushRandomResults } from "../../support/random-results.ts";
import { REGISTRIES } from "../../support/registries.ts";
import { FIRST_START } from "../../support/results.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { connect, NO_PROGRESS } from "../support.ts";

const MINUTE = 60_000;
const NOW = FIRST_START + 1000 * MINUTE;
const SEED = Number(process.env.PRUNE_SEED ?? 20_261);
/** The number of random prunes for a fast store, and the number for a slow store. */
const [FAST, SLOW] = [Number(process.env.PRUNES ?? 20), 2];

/** The stores to prune, with their references. */
interface Place {
  readonly references: readonly AnyReference[];
  readonly stores: readonly ArtifactStore[];
  /** The folder of the layout. */
  readonly folder?: string;
}

const PLACES: Readonly<
  Record<string, { skip: string | false; runs: number; open: (t: TestContext) => Promise<Place> }>
> = {
  "an OCI layout": { skip: false, runs: FAST, open: openLayoutPlace },
  ...Object.fromEntries(
    REGISTRIES.map((kind) => [
      kind.name,
      {
        skip: kind.skip,
        runs: kind.name === "in-process registry" ? FAST : SLOW,
        open: async (t: TestContext) => {
          const registry = await kind.start(temporaryFolder(t));
          t.after(() => registry.close());
          const transport = connect(t, registry.address);
          const names = ["flow/one", "flow/two", "other"];
          return {
            references: names.map((repository) => referenceIn(registry.address, repository)),
            stores: names.map((name) => new Repository(transport, name, "pull,push")),
          };
        },
      },
    ]),
  ),
};

async function openLayoutPlace(t: TestContext): Promise<Place> {
  const folder = temporaryFolder(t);
  const store = await openLayout(folder, "pull,push", new AbortController().signal);
  return { references: [{ layout: folder, tag: undefined, digest: undefined }], stores: [store], folder };
}

function referenceIn(registry: string, repository: string): AnyReference {
  return { registry, repository, tag: undefined, digest: undefined };
}

function randomPolicy(random: () => number): PrunePolicy {
  const states = RUN_STATES.filter(() => random() < 0.6);
  return {
    states: new Set(states),
    keep: random() < 0.4 ? Math.floor(random() * 4) : undefined,
    olderThan: random() < 0.4 ? Math.floor(random() * 1000) * MINUTE : undefined,
    ignoreLineage: random() < 0.15,
    ignoreReferrers: random() < 0.15,
  };
}

/** Returns the artifacts that the rules select. This function is written independently of the code under test. */
function selectedBy(policy: PrunePolicy, known: readonly KnownArtifact[], pruned: ReadonlySet<number>) {
  const ofState = known.filter(
    ({ kind, annotations, tags, repository }) =>
      (kind === "run" || (kind === "foreign" && policy.keep === undefined && policy.olderThan === undefined)) &&
      tags.size > 0 &&
      pruned.has(repository) &&
      policy.states.has(runState(annotations)),
  );
  const isNew = (one: KnownArtifact) =>
    policy.keep !== undefined &&
    ofState.filter(
      (other) =>
        other.repository === one.repository &&
        (other.end > one.end || (other.end === one.end && other.digest < one.digest)),
    ).length < policy.keep;
  const isYoung = ({ end }: KnownArtifact) =>
    policy.olderThan !== undefined && NOW - (FIRST_START + end * MINUTE) <= policy.olderThan;
  return new Set(ofState.filter((one) => !isNew(one) && !isYoung(one)));
}

async function checkPrune(t: TestContext, place: Place, seed: number): Promise<string> {
  const random = randomNumbers(seed);
  const known = await pushRandomResults(random, place.stores, 12 + Math.floor(random() * 14));
  const pruned = new Set(place.references.keys().filter((index) => index === 0 || random() < 0.6));
  const policy = randomPolicy(random);
  const order = orderOf(place, policy, pruned);
  const context = {
    env: {},
    signal: new AbortController().signal,
    log: () => {},
    warn: () => {},
    progress: NO_PROGRESS,
  };

  const before = await tagsOf(place);
  const dry = await prune({ ...order, confirmed: false }, context);
  assert.deepEqual(await tagsOf(place), before, "a dry run changes nothing");
  const { plan, outcomes } = await prune({ ...order, confirmed: true }, context);
  assert.deepEqual(plan, dry.plan, "the dry run shows what is deleted");
  assert.ok(
    outcomes?.every(({ failure }) => failure === undefined),
    inspect(outcomes, { depth: 9 }),
  );

  const selected = selectedBy(policy, known, pruned);
  const there = await existing(place, known);
  for (const one of known) {
    const gone = one.tags.size > 0 && !there.has(one);
    assert.ok(!gone || selected.has(one), `deleted, although no rule selects it: ${inspect(one)}`);
  }
  checkNeeded(policy, known, there);
  checkMinimal(policy, known, there, selected);
  await pullAll(t, place, there);
  if (place.folder !== undefined) await checkBlobs(place.folder, place.stores[0] as ArtifactStore);
  return `deleted ${outcomes?.length}, protected ${plan.protected.length}`;
}

function orderOf(place: Place, policy: PrunePolicy, pruned: ReadonlySet<number>): PruneOrder {
  return {
    policy,
    targets: place.references.filter((_, index) => pruned.has(index)),
    users: place.references,
    confirmed: false,
    now: NOW,
    ...PLAIN_CONNECTION,
    retrySeconds: 5,
    concurrency: 4,
  };
}

async function tagsOf({ stores }: Place): Promise<string[][]> {
  return Promise.all(stores.map(async (store) => (await store.listTags()).sort()));
}

/** Returns the artifacts that still exist. Fails if an artifact has lost only some of its tags. */
async function existing({ stores }: Place, known: readonly KnownArtifact[]): Promise<Set<KnownArtifact>> {
  const there = new Set<KnownArtifact>();
  for (const one of known) {
    const store = stores[one.repository] as ArtifactStore;
    const found = await Promise.all(
      [...one.tags].map(async (tag) => (await store.fetchManifest(tag))?.descriptor.digest),
    );
    const left = found.filter((digest) => digest === one.digest).length;
    assert.ok(left === 0 || left === one.tags.size, `lost only some of its tags: ${inspect(one)}`);
    const byDigest = (await store.fetchManifest(one.digest)) !== undefined;
    assert.equal(byDigest, one.tags.size === 0 || left > 0, `the digest and the tags differ: ${inspect(one)}`);
    if (byDigest) there.add(one);
  }
  return there;
}

/** Checks that each remaining artifact still has everything that it needs. */
function checkNeeded(policy: PrunePolicy, known: readonly KnownArtifact[], there: ReadonlySet<KnownArtifact>): void {
  for (const one of there)
    for (const other of known) {
      const here = other.repository === one.repository;
      const needed =
        (here && one.tags.size > 0 && one.listed.includes(other.digest)) ||
        (here && !policy.ignoreReferrers && one.subject === other.digest) ||
        (!policy.ignoreLineage && one.tags.size > 0 && one.inputs.includes(other.digest));
      assert.ok(!needed || there.has(other), `${inspect(one)} needs ${inspect(other)}`);
    }
}

/** Checks that each artifact in `selected` is deleted, unless another artifact that remains needs it. */
function checkMinimal(
  policy: PrunePolicy,
  known: readonly KnownArtifact[],
  there: ReadonlySet<KnownArtifact>,
  selected: ReadonlySet<KnownArtifact>,
): void {
  for (const one of selected) {
    if (!there.has(one)) continue;
    const needed = known.some(
      (other) =>
        there.has(other) &&
        (other.listed.includes(one.digest) ||
          (!policy.ignoreReferrers && other.subject === one.digest) ||
          (!policy.ignoreLineage && other.inputs.includes(one.digest))),
    );
    assert.ok(needed, `stays, although nothing needs it: ${inspect(one)}`);
  }
}

async function pullAll(t: TestContext, { stores }: Place, there: ReadonlySet<KnownArtifact>): Promise<void> {
  const folder = temporaryFolder(t);
  for (const { kind, digest, repository } of there) {
    if (kind !== "run" && kind !== "foreign") continue;
    const to = join(folder, digest.slice(7));
    const options = { folder: to, keepOldFiles: false, concurrency: 3, progress: NO_PROGRESS };
    const { layers } = await pull(stores[repository] as ArtifactStore, digest, digest, options);
    const titles = layers.map(({ descriptor }) => descriptor.annotations?.["org.opencontainers.image.title"] ?? "");
    assert.deepEqual(readdirSync(to).sort(), titles.sort());
    for (const title of titles) assert.equal(readFileSync(join(to, title), "utf8"), title);
  }
}

/** Checks that a layout contains exactly the blobs that its index needs. */
async function checkBlobs(folder: string, store: ArtifactStore): Promise<void> {
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { manifests: { digest: string }[] };
  const used = new Set<string>();
  const add = (digest: string) => {
    used.add(digest);
    const links = linksOrNone(readFileSync(join(folder, "blobs/sha256", digest.slice(7))));
    for (const blob of links.blobs) used.add(blob);
    for (const listed of links.manifests) add(listed.digest);
  };
  for (const { digest } of index.manifests) add(digest);
  const files = readdirSync(join(folder, "blobs/sha256")).map((name) => `sha256:${name}`);
  // The layout contains the empty blob from the start, even if no artifact uses it.
  const unused = files.filter((digest) => !used.has(digest) && !digest.startsWith("sha256:44136fa3"));
  assert.deepEqual(unused, []);
  assert.ok(await store.listTags());
}

for (const [name, { skip, runs, open }] of Object.entries(PLACES))
  describe(`${name}: ${runs} random prunes`, { skip, timeout: 200_000 }, () => {
    it("delete exactly what the rules select and nothing needs, and everything else can be pulled", async (t) => {
      t.diagnostic(`the first seed is ${SEED} (PRUNE_SEED repeats it, PRUNES sets the number)`);
      const figures: string[] = [];
      for (let seed = SEED; seed < SEED + runs; seed++) {
        const place = await open(t);
        figures.push(
          await checkPrune(t, place, seed).catch((error: unknown) => {
            throw new Error(`seed ${seed}`, { cause: error });
          }),
        );
      }
      assert.ok(figures.some((text) => !text.startsWith("deleted 0")));
      t.diagnostic(figures.join("; "));
    });
  });
