/**
 * Many pushes through a proxy. In about half of the pushes, the proxy breaks one random request, or starts a rate limit
 * or a body limit at a random request. No tag ever names wrong content. No output is lost if the registry follows the
 * protocol.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { plainProgress } from "oras-push/artifact/progress";
import { push } from "oras-push/artifact/push";
import { layerOf } from "oras-push/layer/layer";
import type { LayerSource } from "oras-push/layer/layer-source";
import type { Digest } from "oras-push/oci/digest";
import { Transport } from "oras-push/oci/http/transport";
import { parseManifest, type StoredManifest } from "oras-push/oci/manifest";
import { parseReference } from "oras-push/oci/reference";
import { Repository } from "oras-push/oci/repository";
import { describeError, ToolError } from "shared/cli/tool-error";
import { pick, randomNumbers } from "../support/random.ts";
import { DISTRIBUTION_3, REGISTRIES, type RegistryKind } from "../support/registries.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { FAULTS, type Fault, startFaultProxy } from "./fault-proxy.ts";

/** The number of pushes for each registry. The default is 60 in CI, otherwise 20. A full run sets FAULT_PUSHES=250. */
const PUSHES = Number(process.env.FAULT_PUSHES ?? (process.env.CI === "true" ? 60 : 20));
const TREE_BYTES = 20e6;

/**
 * After these faults, the test accepts a failed push. If the registry answers with a web page, no client can continue.
 */
const FATAL: readonly Fault[] = ["web page"];

/** Creates a tree. Half of the tree does not compress, so its layer is too large to buffer before the upload. */
function makeTree(folder: string, random: () => number): void {
  mkdirSync(folder);
  const noise = new Uint32Array(TREE_BYTES / 8).map(() => random() * 2 ** 32);
  writeFileSync(join(folder, "noise"), Buffer.from(noise.buffer));
  writeFileSync(join(folder, "text"), "Step Temp PotEng Press\n".repeat(TREE_BYTES / 2 / 23));
}

const [inProcess, distribution] = REGISTRIES as [RegistryKind, RegistryKind];
const KINDS = [distribution.skip === false ? distribution : inProcess, DISTRIBUTION_3];

/** A connection to a registry or to the proxy in front of it. */
function open(address: string): Transport {
  return new Transport(address, {
    credentials: async () => undefined,
    retry: { deadlineSeconds: 10, firstDelay: 5, longestDelay: 50 },
    stallSeconds: 1,
    signal: new AbortController().signal,
    userAgent: "test",
    env: {},
    debug: () => {},
    warn: () => {},
  });
}

/** Pushes a layer through the proxy with a new connection. Returns the digest of the layer, or the error. */
async function pushOnce(address: string, layer: LayerSource, run: number): Promise<Digest | Error> {
  const transport = open(address);
  const store = new Repository(transport, "metric/faults", "pull,push");
  const references = [parseReference(`${address}/metric/faults:run-${run}`)];
  const options = { concurrency: 1, noClobber: false, progress: plainProgress(() => {}) };
  try {
    const [result] = await push([{ store, references }], [layer], { annotations: { run: String(run) } }, options);
    return result?.layers[0]?.descriptor.digest as Digest;
  } catch (error) {
    return error as Error;
  } finally {
    await transport.close();
  }
}

/** Asserts that a manifest belongs to this run and names the right layer, and that the registry has this layer. */
async function checkStored(direct: Repository, stored: StoredManifest, run: number, digest: Digest | undefined) {
  const manifest = parseManifest(stored.bytes);
  assert.equal(manifest.annotations.run, String(run), `run ${run}: the tag has another manifest`);
  assert.equal(manifest.layers[0]?.digest, digest, `run ${run}: the tag has other content`);
  assert.ok(await direct.hasBlob(manifest.layers[0]?.digest ?? "sha256:"), `run ${run}: a blob is missing`);
}

for (const kind of KINDS)
  describe(`${PUSHES} pushes of a ${TREE_BYTES / 1e6} MB tree to ${kind.name}, half of them with a fault`, {
    skip: kind.skip,
  }, () => {
    const folder = temporaryFolder({ after });

    it("end with the right artifact or a clear error, and never tag anything else", {
      timeout: 1_200_000,
    }, async (context) => {
      const seed = Number(process.env.FAULT_SEED ?? Date.now() % 1e6);
      context.diagnostic(`seed ${seed} (set FAULT_SEED to repeat it)`);
      const random = randomNumbers(seed);
      makeTree(join(folder, "tree"), random);
      const registry = await kind.start(folder);
      context.after(() => registry.close());
      const direct = new Repository(open(registry.address), "metric/faults", "pull");
      const counts = { whole: 0, failed: 0, struck: 0 };
      const byFault = Object.fromEntries(FAULTS.map((fault) => [fault, { struck: 0, failed: 0 }]));
      const layer = await layerOf({ path: join(folder, "tree") }, { level: 1, report: () => {} });
      let digest: Digest | undefined;
      // The number of requests in the last push that had no fault. The index of the next fault is below this number.
      let requests = 1;
      for (let run = 0; run < PUSHES; run++) {
        const fault = pick(random, FAULTS);
        const plan = random() < 0.5 ? { index: Math.floor(random() * requests), fault, at: random() } : undefined;
        // This process remembers the limits of each registry address. So each push uses a new proxy with a new address.
        const proxy = await startFaultProxy(registry.address);
        proxy.plan(plan);
        const pushed = await pushOnce(proxy.address, layer, run).finally(() => proxy.close());
        if (plan === undefined) requests = proxy.requests;
        const figures = (proxy.struck && byFault[fault]) || { struck: 0, failed: 0 };
        figures.struck++;
        counts.struck += proxy.struck ? 1 : 0;
        const stored = await direct.fetchManifest(`run-${run}`);
        if (pushed instanceof Error) {
          const what = `run ${run}, ${proxy.struck ? JSON.stringify(plan) : "no fault"}: ${describeError(pushed)}`;
          assert.ok(pushed instanceof ToolError && pushed.code !== "software", what);
          assert.ok(proxy.struck && FATAL.includes(fault), `the output is lost: ${what}`);
          figures.failed++;
          counts.failed++;
        } else {
          digest ??= pushed;
          assert.ok(stored, `run ${run}: no tag after a success`);
          counts.whole++;
        }
        if (stored !== undefined) await checkStored(direct, stored, run, digest);
      }
      const { whole, failed, struck } = counts;
      const kinds = Object.entries(byFault).map(([fault, figures]) => `${fault} ${figures.failed}/${figures.struck}`);
      context.diagnostic(`${whole} whole, ${failed} clear errors, ${struck} faults; errors: ${kinds.join(", ")}`);
    });
  });
