/** Many pushes through a proxy that breaks a random request in half of them: nothing wrong ever gets a tag. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { plainProgress } from "oras-push/artifact/progress";
import { push } from "oras-push/artifact/push";
import { layerOf } from "oras-push/layer/layer";
import { Transport } from "oras-push/oci/http/transport";
import { parseManifest } from "oras-push/oci/manifest";
import { parseReference } from "oras-push/oci/reference";
import { Repository } from "oras-push/oci/repository";
import { ToolError } from "shared/cli/tool-error";
import { DISTRIBUTION_3, REGISTRIES, type RegistryKind } from "../support/registries.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { FAULTS, startFaultProxy } from "./fault-proxy.ts";

/** For each registry 250 for CI, some minutes of work; fewer where a developer waits. */
const PUSHES = Number(process.env.FAULT_PUSHES ?? (process.env.CI === "true" ? 250 : 20));
const TREE_BYTES = 20e6;

/** A generator of numbers from 0 to 1, the same ones for the same seed (mulberry32's constants). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A tree whose layer is too large to be read before it is sent: half of it does not compress. */
function makeTree(folder: string, random: () => number): void {
  mkdirSync(folder);
  const noise = new Uint32Array(TREE_BYTES / 8).map(() => random() * 2 ** 32);
  writeFileSync(join(folder, "noise"), Buffer.from(noise.buffer));
  writeFileSync(join(folder, "text"), "Step Temp PotEng Press\n".repeat(TREE_BYTES / 2 / 23));
}

const [inProcess, distribution] = REGISTRIES as [RegistryKind, RegistryKind];
const KINDS = [distribution.skip === false ? distribution : inProcess, DISTRIBUTION_3];

for (const kind of KINDS)
  describe(`${PUSHES} pushes of a ${TREE_BYTES / 1e6} MB tree to ${kind.name}, half of them broken somewhere`, {
    skip: kind.skip,
  }, () => {
    const folder = temporaryFolder({ after });

    it("end with the right artifact or a clear error, and never with a tag on anything else", {
      timeout: 1_200_000,
    }, async (context) => {
      const seed = Number(process.env.FAULT_SEED ?? Date.now() % 1e6);
      const random = randomNumbers(seed);
      makeTree(join(folder, "tree"), random);
      const registry = await kind.start(folder);
      context.after(() => registry.close());
      const proxy = await startFaultProxy(registry.address);
      context.after(() => proxy.close());
      const open = (address: string) =>
        new Transport(address, {
          credentials: async () => undefined,
          retry: { deadlineSeconds: 10, firstDelay: 5, longestDelay: 50 },
          stallSeconds: 1,
          signal: new AbortController().signal,
          userAgent: "test",
          env: {},
          debug: () => {},
          warn: () => {},
        });
      const direct = new Repository(open(registry.address), "metric/faults", "pull");
      const counts = { whole: 0, refused: 0, struck: 0 };
      const byFault = Object.fromEntries(FAULTS.map((fault) => [fault, 0]));
      const layer = await layerOf({ path: join(folder, "tree") }, { level: 1, report: () => {} });
      let digest: string | undefined;
      // How many a push makes, as far as is known: what is broken is one of them.
      let requests = 1;
      for (let run = 0; run < PUSHES; run++) {
        const fault = FAULTS[Math.floor(random() * FAULTS.length)] ?? "reset";
        const plan = random() < 0.5 ? { index: Math.floor(random() * requests), fault, at: random() } : undefined;
        proxy.plan(plan);
        // A new repository each time: nothing is there that could be skipped.
        const tag = `run-${run}`;
        const transport = open(proxy.address);
        const target = new Repository(transport, "metric/faults", "pull,push");
        const artifact = { annotations: { run: String(run) } };
        const reference = parseReference(`${proxy.address}/metric/faults:${tag}`);
        const options = { concurrency: 1, noClobber: false, progress: plainProgress(() => {}) };
        const failure = await push([{ store: target, references: [reference] }], [layer], artifact, options).then(
          ([result]) => {
            digest ??= result?.layers[0]?.descriptor.digest;
          },
          (error: unknown) => error,
        );
        await transport.close();
        if (plan === undefined) requests = proxy.requests;
        if (proxy.struck && plan !== undefined) byFault[plan.fault] = (byFault[plan.fault] ?? 0) + 1;
        counts.struck += proxy.struck ? 1 : 0;
        const stored = await direct.fetchManifest(tag);
        if (failure !== undefined) {
          assert.ok(
            failure instanceof ToolError && failure.code !== "software",
            `run ${run}, seed ${seed}: ${failure}`,
          );
          counts.refused++;
        } else {
          assert.ok(stored, `run ${run}, seed ${seed}: no tag after success`);
          counts.whole++;
        }
        if (stored !== undefined) {
          const manifest = parseManifest(stored.bytes);
          assert.equal(manifest.annotations.run, String(run), `run ${run}, seed ${seed}`);
          assert.equal(manifest.layers[0]?.digest, digest, `run ${run}, seed ${seed}: other content under the tag`);
          assert.ok(
            await direct.hasBlob(manifest.layers[0]?.digest ?? "sha256:"),
            `run ${run}, seed ${seed}: a blob is missing`,
          );
        }
      }
      context.diagnostic(
        `seed ${seed}, ${kind.name}: ${counts.whole} whole, ${counts.refused} clear errors, ${counts.struck} broken: ${JSON.stringify(byFault)}`,
      );
    });
  });
