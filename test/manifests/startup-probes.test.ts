/** The startup probes of the manifests succeed when the sidecar runs. Each probe and each sidecar is a real process. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { KUBERNETES_SKIP, kustomizations, kustomize, validate } from "../support/kubernetes.ts";
import { type TestPod, testPod } from "../support/pod.ts";
import { containersOf, podsOf } from "../support/pod-spec.ts";

const SHARE = "/mnt/oras";

/** The sidecars to test. `isReady` returns whether the given probe must succeed for this sidecar. */
const SIDECARS = {
  "without inputs": { args: ["NA", "run:1"], isReady: () => true },
  // This sidecar waits for an input that does not exist.
  "without its inputs yet": {
    args: ["--input-timeout", "60", "missing:1", "run:1"],
    // The probe with `lease.sock` is for pods whose launcher waits for the inputs. This launcher must start before the
    // inputs are complete, so this probe must succeed.
    isReady: (probe: readonly string[]) => probe.some((word) => word.endsWith("lease.sock")),
  },
  "whose condition is not met": { args: ["--only-if", "INDEX=0", "NA", "run:1"], isReady: () => true },
} as const;

/** Runs a probe, as the kubelet does. Returns its exit code. */
async function probeOnce(pod: TestPod, [, ...args]: readonly string[]): Promise<number | null> {
  const { code } = await pod.start(
    "wait-fs",
    args.map((word) => word.replace(SHARE, pod.share)),
  ).ended;
  return code;
}

/** Repeats a probe until it succeeds, but for at most `seconds` seconds. Returns whether the probe succeeded. */
async function probe(pod: TestPod, command: readonly string[], seconds: number): Promise<boolean> {
  for (const end = performance.now() + 1000 * seconds; performance.now() < end; await sleep(200))
    if ((await probeOnce(pod, command)) === 0) return true;
  return false;
}

describe("startup probes of the manifests", { skip: KUBERNETES_SKIP, timeout: 120_000 }, () => {
  let probes: string[][] = [];
  let timeouts: (number | undefined)[] = [];
  before(async () => {
    const built = await Promise.all(kustomizations().map((name) => kustomize(name)));
    const objects = (await validate(built)).flat().map(({ object }) => object);
    const containers = objects.flatMap(podsOf).flatMap(containersOf);
    const ofSidecars = containers.flatMap(({ startupProbe }) => startupProbe ?? []);
    timeouts = ofSidecars.map(({ timeoutSeconds }) => timeoutSeconds);
    const commands = ofSidecars.flatMap(({ exec }) => exec?.command.join(" ") ?? []);
    probes = [...new Set(commands)].map((command) => command.split(" "));
    assert.equal(probes.length, 2, "the component has its own probe");
  });

  it("have a minute to end, because 50 pods that start at once on a small node delay each probe by many seconds", () => {
    assert.deepEqual([...new Set(timeouts)], [60]);
  });

  it("fail while no sidecar runs", async (t) => {
    const pod = await testPod(t);
    for (const command of probes) assert.equal(await probeOnce(pod, command), 124, command.join(" "));
  });

  for (const [what, { args, isReady }] of Object.entries(SIDECARS))
    it(`let the application start at the right time for a native sidecar ${what}`, async (t) => {
      for (const command of probes) {
        const pod = await testPod(t);
        const references = args.map((word) => (word.endsWith(":1") ? pod.reference(word) : word));
        pod.start("oras-push", ["sidecar", "--native", ...references]);
        const expected = isReady(command);
        assert.equal(await probe(pod, command, expected ? 20 : 2), expected, command.join(" "));
      }
    });
});
