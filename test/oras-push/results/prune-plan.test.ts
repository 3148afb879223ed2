import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ANNOTATIONS } from "oras-push/oci/annotations";
import type { Digest } from "oras-push/oci/digest";
import { buildManifest } from "oras-push/oci/manifest";
import { OCI_INDEX } from "oras-push/oci/media-types";
import { digestOf } from "oras-push/oci/meter";
import { referrersTag } from "oras-push/oci/referrers";
import {
  type PruneArtifact,
  type PrunePolicy,
  planPrune,
  type Referrers,
  referenceOf,
  selectArtifacts,
} from "oras-push/results/prune-plan";
import { readLinks, readRun } from "oras-push/results/run";
import { FIRST_START, runAnnotations } from "../../support/results.ts";

const NOW = FIRST_START + 1_000 * 60_000;
const MINUTE = 60_000;
const POLICY: PrunePolicy = {
  states: new Set(["succeeded", "failed", "incomplete", "checkpoint"]),
  keep: undefined,
  olderThan: undefined,
  ignoreLineage: false,
  ignoreReferrers: false,
};
const NONE: Referrers = new Map();

/** Returns a run that took one minute. The run started `minutes` minutes after the beginning of 2026. */
function run(tag: string, minutes: number, more: Partial<PruneArtifact> = {}, exitCode = 0): PruneArtifact {
  const annotations = { ...runAnnotations(minutes, exitCode), tag };
  const manifest = buildManifest({ layers: [], annotations });
  const { digest } = manifest.descriptor;
  const artifact = { repository: "r", tags: [tag], digest, run: readRun(manifest), prunable: true };
  return { ...artifact, ...readLinks(manifest), ...more };
}

const from = (...inputs: PruneArtifact[]) => ({
  inputs: inputs.map((input) => ({ reference: referenceOf(input), digest: input.digest })),
});

const names = (artifacts: Iterable<PruneArtifact>) => [...artifacts].map(({ tags }) => tags[0]).sort();

function plan(artifacts: readonly PruneArtifact[], policy: Partial<PrunePolicy> = {}, referrers = NONE) {
  const all = { ...POLICY, ...policy };
  const { groups, protected: kept } = planPrune(artifacts, selectArtifacts(artifacts, all, NOW), referrers, all);
  return {
    deleted: groups.map((group) => names(group.map(({ artifact }) => artifact))),
    kept: Object.fromEntries(kept.map(({ artifact, why }) => [artifact.tags[0], why])),
  };
}

describe("the rules of a prune", () => {
  const artifacts = [
    run("old", 100),
    run("failed", 200, {}, 1),
    run("new", 900),
    run("other-repository", 50, { repository: "s" }),
    run("unselectable", 10, { prunable: false }),
  ];
  const selected = (policy: Partial<PrunePolicy>, all = artifacts) =>
    names(selectArtifacts(all, { ...POLICY, ...policy }, NOW).keys());

  it("select by state", () => assert.deepEqual(selected({ states: new Set(["failed"]) }), ["failed"]));

  it("select by age, counted from the end of the run", () => {
    assert.deepEqual(selected({ olderThan: 799 * MINUTE }), ["old", "other-repository"]);
    assert.deepEqual(selected({ olderThan: 799 * MINUTE - 1 }), ["failed", "old", "other-repository"]);
    assert.deepEqual(selected({ olderThan: 899 * MINUTE }), ["other-repository"]);
  });

  it("keep the newest of each repository, among those with the selected states", () => {
    assert.deepEqual(selected({ keep: 1 }), ["failed", "old"]);
    assert.deepEqual(selected({ keep: 1, states: new Set(["failed"]) }), []);
    assert.deepEqual(selected({ keep: 0, states: new Set(["failed"]) }), ["failed"]);
  });

  it("must all select an artifact", () => {
    assert.deepEqual(selected({ keep: 1, olderThan: 799 * MINUTE }), ["old"]);
  });

  it("never select an artifact of unknown age, unless only the state counts", () => {
    const bare = buildManifest({ layers: [], annotations: { [ANNOTATIONS.exitCode]: "0" } });
    const unknown = run("unknown", 0, { digest: bare.descriptor.digest, run: readRun(bare) });
    assert.deepEqual(selected({ olderThan: 0 }, [unknown]), []);
    assert.deepEqual(selected({ keep: 0 }, [unknown]), []);
    assert.deepEqual(selected({}, [unknown]), ["unknown"]);
  });

  it("never select an index, a signature or an invalid manifest", () => {
    const states = new Set(["other", ...POLICY.states] as const);
    const base = run("x", 0);
    const index = run("index", 0, {
      run: { ...(base.run as NonNullable<PruneArtifact["run"]>), mediaType: OCI_INDEX },
    });
    const signature = run("signature", 0, { subject: base.digest });
    const attached = run(`${referrersTag(base.digest)}.sig`, 0);
    assert.deepEqual(selected({ states }, [index, signature, attached, run("invalid", 0, { run: undefined })]), []);
  });

  it("give the reason", () => {
    const [, failed] = artifacts as [PruneArtifact, PruneArtifact];
    const policy = { ...POLICY, olderThan: MINUTE, keep: 0, states: new Set(["failed"] as const) };
    assert.equal(selectArtifacts(artifacts, policy, NOW).get(failed), "failed, 13h 19m old, not among the newest 0");
  });
});

describe("a prune", () => {
  it("keeps what a kept artifact was made from, at any level and in any repository", () => {
    const first = run("first", 1, { repository: "a" });
    const second = run("second", 2, { repository: "b", ...from(first) });
    const kept = run("kept", 900, { repository: "c", prunable: false, ...from(second) });
    assert.deepEqual(plan([first, second, kept]), {
      deleted: [],
      kept: { first: "b:second was made from it", second: "c:kept was made from it" },
    });
    assert.deepEqual(plan([first, second, kept], { ignoreLineage: true }).deleted.flat().sort(), ["first", "second"]);
  });

  it("deletes an artifact before the artifacts that it was made from", () => {
    const first = run("first", 1);
    const second = run("second", 2, from(first));
    const third = run("third", 3, from(first, second));
    assert.deepEqual(plan([first, second, third]).deleted, [["third"], ["second"], ["first"]]);
  });

  it("keeps what a kept index of the same repository lists", () => {
    const listed = run("listed", 1);
    const elsewhere = run("elsewhere", 2, { repository: "s" });
    const index = run("index", 900, {
      run: undefined,
      listed: [listed, elsewhere].map(({ digest }) => ({ digest, mediaType: undefined })),
    });
    assert.deepEqual(plan([listed, elsewhere, index]), {
      deleted: [["elsewhere"]],
      kept: { listed: "r:index lists it" },
    });
  });

  it("keeps what another manifest refers to, with or without a tag", () => {
    const signed = run("signed", 1);
    const signature = run("signature", 2, { subject: signed.digest });
    const tagged = run("tagged", 3);
    const attached = run(`${referrersTag(tagged.digest)}.sig`, 4, { run: undefined });
    const untagged = run("untagged", 5);
    const referrers: Referrers = new Map([[untagged.digest, [digestOf(Buffer.from("signature"))]]]);
    const all = [signed, signature, tagged, attached, untagged];
    assert.deepEqual(plan(all, {}, referrers), {
      deleted: [],
      kept: {
        signed: "r:signature refers to it",
        tagged: `r:${attached.tags[0]} refers to it`,
        untagged: "another manifest refers to it",
      },
    });
    assert.deepEqual(plan(all, { ignoreReferrers: true }, referrers).deleted.flat().sort(), [
      "signed",
      "tagged",
      "untagged",
    ]);
  });

  it("deletes the image of an artifact before the artifact, and keeps it with the artifact", () => {
    const artifact = run("artifact", 1);
    const image = run("artifact-image", 2, { imageOf: artifact.digest });
    const all = [artifact, image];
    assert.deepEqual(plan(all), { deleted: [["artifact-image"], ["artifact"]], kept: {} });
    const user = run("user", 900, { prunable: false, ...from(artifact) });
    assert.deepEqual(plan([...all, user]), {
      deleted: [],
      kept: { artifact: "r:user was made from it", "artifact-image": "r:user was made from it" },
    });
    const listed = [{ digest: image.digest, mediaType: undefined }];
    assert.deepEqual(plan([...all, run("index", 900, { run: undefined, listed })]), {
      deleted: [["artifact"]],
      kept: { "artifact-image": "r:index lists it" },
    });
  });

  it("applies the rules to an image whose artifact has no tag any more, but does not count it among the newest", () => {
    const gone = run("gone", 1);
    const elsewhere = run("elsewhere", 2, { repository: "s", digest: gone.digest, prunable: false });
    const image = run("1-image", 900, { imageOf: gone.digest });
    const [first, second] = [run("first", 10), run("second", 20)];
    const all = [elsewhere, image, first, second];
    assert.deepEqual(plan(all, { keep: 2 }), { deleted: [["1-image"]], kept: {} });
    assert.deepEqual(plan(all, { states: new Set(["failed"]) }).deleted, []);
    assert.deepEqual(plan(all, { olderThan: 500 * MINUTE }).deleted, [["first", "second"]]);
    assert.equal(
      selectArtifacts(all, POLICY, NOW).get(image),
      "succeeded, image of an artifact that has no tag any more",
    );
    const index = run("index", 5, { run: undefined, listed: [{ digest: gone.digest, mediaType: undefined }] });
    assert.deepEqual(plan([...all, index], { keep: 2 }).deleted, []);
    assert.deepEqual(plan([...all, gone], { keep: 3 }).deleted, []);
  });

  it("ends although annotations claim a circle", () => {
    const digests = ["a", "b"].map((text) => digestOf(Buffer.from(text))) as [Digest, Digest];
    const [a, b] = digests.map((digest, index) => run(`t${index}`, index, { digest })) as [
      PruneArtifact,
      PruneArtifact,
    ];
    const circle = [
      { ...a, ...from(b) },
      { ...b, ...from(a) },
    ];
    assert.deepEqual(plan(circle).deleted, [["t0", "t1"]]);
  });

  it("orders a chain of thousands of artifacts", () => {
    const chain: PruneArtifact[] = [];
    for (let index = 0; index < 3000; index++) chain.push(run(`t${index}`, index, from(...chain.slice(-1))));
    const { deleted } = plan(chain);
    assert.equal(deleted.length, 3000);
    assert.deepEqual([deleted[0], deleted.at(-1)], [["t2999"], ["t0"]]);
  });
});
