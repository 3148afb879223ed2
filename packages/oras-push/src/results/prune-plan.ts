import type { RunState } from "../artifact/run-annotations.ts";
import type { Digest } from "../oci/digest.ts";
import { subjectOfTag } from "../oci/referrers.ts";
import { durationText } from "./cells.ts";
import { endOf, INDEXES, type Run, type RunLinks } from "./run.ts";

/** The rules that select the artifacts to delete. An artifact is selected only if all given rules select it. */
export interface PrunePolicy {
  /** Selects artifacts with these states. */
  readonly states: ReadonlySet<RunState>;
  /**
   * The number of artifacts that this rule does not select in each repository: the newest ones with one of the
   * `states`. Undefined if there is no such rule.
   */
  readonly keep: number | undefined;
  /** Selects artifacts that are older than this number of milliseconds. Undefined if there is no such rule. */
  readonly olderThan: number | undefined;
  /** Whether to delete an artifact even if it is an input of a kept artifact. */
  readonly ignoreLineage: boolean;
  /** Whether to delete an artifact even if another manifest, such as a signature, refers to the artifact. */
  readonly ignoreReferrers: boolean;
}

/** A manifest that has tags, or that an index lists. */
export interface PruneArtifact extends RunLinks {
  /** The repository or the layout. */
  readonly repository: string;
  readonly digest: Digest;
  readonly tags: readonly string[];
  /** The facts about the run. Undefined if the manifest is invalid. */
  readonly run: Run | undefined;
  /** Whether the rules apply to the artifact's repository. */
  readonly prunable: boolean;
}

/** An artifact to delete. */
export interface Deletion {
  readonly artifact: PruneArtifact;
  readonly why: string;
  /** Other artifacts in the plan that name this artifact in their manifests. They are deleted before this artifact. */
  readonly namedBy: readonly PruneArtifact[];
}

/** A selected artifact that is not deleted. */
export interface Protection {
  readonly artifact: PruneArtifact;
  readonly why: string;
}

/** What to delete. */
export interface PrunePlan {
  /**
   * The artifacts to delete, in groups. The groups are deleted in order. If an artifact names another artifact of the
   * plan, the other artifact is in a later group.
   */
  readonly groups: readonly (readonly Deletion[])[];
  /** The selected artifacts that are not deleted, because other manifests need them. */
  readonly protected: readonly Protection[];
}

/**
 * Maps the digest of an artifact to the digests of all manifests that refer to the artifact. These manifests may be
 * untagged.
 */
export type Referrers = ReadonlyMap<Digest, readonly Digest[]>;

/**
 * Selects artifacts by the rules of a policy. An image is selected if its artifact is selected. If the artifact has no
 * tag any more, the rules for the state and the age apply to the image itself, but the rule `keep` does not. Returns
 * the reason for each selected artifact and image. `now` is in milliseconds since 1970.
 */
export function selectArtifacts(
  artifacts: readonly PruneArtifact[],
  policy: PrunePolicy,
  now: number,
): ReadonlyMap<PruneArtifact, string> {
  const selected = new Map<PruneArtifact, string>();
  const stranded = strandedImages(artifacts);
  const isImage = ({ imageOf }: PruneArtifact) => imageOf !== undefined;
  const candidates = artifacts
    .filter((artifact) => !isImage(artifact) || stranded.has(artifact))
    .filter((artifact) => artifact.prunable && mayBeSelected(artifact, policy));
  for (const group of Map.groupBy(candidates, ({ repository }) => repository).values()) {
    const others = group.filter((artifact) => !isImage(artifact));
    for (const artifact of [...withoutNewest(others, policy.keep), ...group.filter(isImage)]) {
      const age = ageOf(artifact, now);
      if (policy.olderThan === undefined || (age !== undefined && age > policy.olderThan))
        selected.set(artifact, reasonOf(artifact, policy, age));
    }
  }
  const images = imagesByArtifact(artifacts.filter(({ prunable }) => prunable));
  for (const artifact of [...selected.keys()])
    for (const image of images.get(keyOf(artifact)) ?? []) selected.set(image, `image of ${referenceOf(artifact)}`);
  return selected;
}

/**
 * Decides which of the selected artifacts are deleted. Keeps a selected artifact if a kept index lists it, if a kept
 * artifact was made from it, or if another manifest refers to it. If a selected artifact is kept, the same rules keep
 * its inputs and the artifacts that it lists. This function is pure.
 */
export function planPrune(
  artifacts: readonly PruneArtifact[],
  selected: ReadonlyMap<PruneArtifact, string>,
  referrers: Referrers,
  policy: PrunePolicy,
): PrunePlan {
  const deleted = new Set(selected.keys());
  const byDigest = Map.groupBy(selected.keys(), ({ digest }) => digest);
  const images = imagesByArtifact([...selected.keys()]);
  const why = new Map<PruneArtifact, string>();
  const keep = (named: PruneArtifact, reason: string) => {
    if (!deleted.delete(named)) return;
    why.set(named, reason);
    pending.push(named);
    for (const image of images.get(keyOf(named)) ?? []) keep(image, reason);
  };
  const pending = artifacts.filter((artifact) => !deleted.has(artifact));
  for (const artifact of selected.keys())
    if (!policy.ignoreReferrers && hasForeignReferrer(artifact, referrers, byDigest))
      keep(artifact, "another manifest refers to it");
  for (let next = pending.pop(); next !== undefined; next = pending.pop())
    for (const { digest, as } of namedBy(next, policy))
      for (const named of byDigest.get(digest) ?? [])
        if (as !== "listed" || named.repository === next.repository) keep(named, REASONS[as](referenceOf(next)));
  return {
    groups: inGroups(deleted, selected, policy),
    protected: [...why].map(([artifact, reason]) => ({ artifact, why: reason })),
  };
}

/** Returns the reference of an artifact. The reference contains the first tag, or the digest if there is no tag. */
export function referenceOf({ repository, tags: [tag], digest }: PruneArtifact): string {
  return tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`;
}

/** Groups images by the artifacts that they belong to. An image is in the same repository as its artifact. */
function imagesByArtifact(artifacts: readonly PruneArtifact[]): ReadonlyMap<string, readonly PruneArtifact[]> {
  const images = artifacts.filter(({ imageOf }) => imageOf !== undefined);
  return Map.groupBy(images, ({ repository, imageOf }) => `${repository}@${imageOf}`);
}

/**
 * Returns the images whose artifacts have no tag any more. An artifact counts as tagged if an index lists the artifact.
 */
function strandedImages(artifacts: readonly PruneArtifact[]): ReadonlySet<PruneArtifact> {
  const known = new Set(
    artifacts.flatMap(({ repository, digest, listed }) =>
      [digest, ...listed.map((one) => one.digest)].map((one) => `${repository}@${one}`),
    ),
  );
  return new Set(
    artifacts.filter(({ repository, imageOf }) => imageOf !== undefined && !known.has(`${repository}@${imageOf}`)),
  );
}

function keyOf({ repository, digest }: PruneArtifact): string {
  return `${repository}@${digest}`;
}

const REASONS = {
  input: (reference: string) => `${reference} was made from it`,
  listed: (reference: string) => `${reference} lists it`,
  subject: (reference: string) => `${reference} refers to it`,
} as const;

interface Name {
  readonly digest: Digest;
  readonly as: keyof typeof REASONS;
}

/** The digests that an artifact needs. */
function namedBy({ inputs, listed, subject, tags }: PruneArtifact, policy: PrunePolicy): readonly Name[] {
  const subjects = [subject, ...tags.map(subjectOfTag)].filter((digest) => digest !== undefined);
  return [
    ...listed.map(({ digest }): Name => ({ digest, as: "listed" })),
    ...(policy.ignoreLineage ? [] : inputs.map(({ digest }): Name => ({ digest, as: "input" }))),
    ...(policy.ignoreReferrers ? [] : subjects.map((digest): Name => ({ digest, as: "subject" }))),
  ];
}

/** Whether an artifact has a referrer that is not selected. This referrer may be a manifest without a tag. */
function hasForeignReferrer(
  { digest }: PruneArtifact,
  referrers: Referrers,
  selected: ReadonlyMap<Digest, readonly PruneArtifact[]>,
): boolean {
  return (referrers.get(digest) ?? []).some((referrer) => !selected.has(referrer));
}

/** Whether the rules can select an artifact. They never select an index, a signature, or an invalid manifest. */
function mayBeSelected(artifact: PruneArtifact, { states, keep, olderThan }: PrunePolicy): boolean {
  const { run, subject, tags } = artifact;
  if (run === undefined || subject !== undefined || INDEXES.has(run.mediaType)) return false;
  if (tags.some((tag) => subjectOfTag(tag) !== undefined)) return false;
  // The rules `keep` and `olderThan` compare the ages of artifacts. They never select an artifact of unknown age.
  if ((keep !== undefined || olderThan !== undefined) && endOf(run) === undefined) return false;
  return states.has(run.state);
}

function withoutNewest(group: readonly PruneArtifact[], keep: number | undefined): readonly PruneArtifact[] {
  if (keep === undefined) return group;
  const newestFirst = group.toSorted((a, b) => timeOf(b) - timeOf(a) || (a.digest < b.digest ? -1 : 1));
  return newestFirst.slice(keep);
}

function timeOf({ run }: PruneArtifact): number {
  return (run === undefined ? undefined : endOf(run)) ?? Number.NEGATIVE_INFINITY;
}

function ageOf(artifact: PruneArtifact, now: number): number | undefined {
  const time = timeOf(artifact);
  return Number.isFinite(time) ? now - time : undefined;
}

function reasonOf({ run, imageOf }: PruneArtifact, { keep, olderThan }: PrunePolicy, age: number | undefined): string {
  return [
    run?.state ?? "",
    ...(olderThan === undefined || age === undefined ? [] : [`${durationText(age)} old`]),
    ...(imageOf === undefined ? [] : ["image of an artifact that has no tag any more"]),
    ...(keep === undefined || imageOf !== undefined ? [] : [`not among the newest ${keep}`]),
  ].join(", ");
}

/** Sorts artifacts into groups. If artifact A refers to artifact B, A is in an earlier group than B. */
function inGroups(
  deleted: ReadonlySet<PruneArtifact>,
  reasons: ReadonlyMap<PruneArtifact, string>,
  policy: PrunePolicy,
): Deletion[][] {
  const byDigest = Map.groupBy(deleted, ({ digest }) => digest);
  const namers = new Map<PruneArtifact, PruneArtifact[]>([...deleted].map((artifact) => [artifact, []]));
  for (const artifact of deleted) {
    const digests = [...namedBy(artifact, policy).map(({ digest }) => digest), artifact.imageOf];
    for (const digest of digests)
      for (const named of (digest && byDigest.get(digest)) ?? [])
        if (named !== artifact) namers.get(named)?.push(artifact);
  }
  const groups: Deletion[][] = [];
  const done = new Set<PruneArtifact>();
  while (done.size < deleted.size) {
    const rest = [...deleted].filter((artifact) => !done.has(artifact));
    const free = rest.filter((artifact) => namers.get(artifact)?.every((namer) => done.has(namer)));
    // A manifest can contain only digests of manifests that existed before it. Therefore, digests in manifests form no
    // cycle. But a tag such as `sha256-...` also contains a digest, and a wrong tag can close a cycle. In this case,
    // all remaining artifacts form one group.
    const group = free.length > 0 ? free : rest;
    groups.push(
      group.map((artifact) => ({ artifact, why: reasons.get(artifact) ?? "", namedBy: namers.get(artifact) ?? [] })),
    );
    for (const artifact of group) done.add(artifact);
  }
  return groups;
}
