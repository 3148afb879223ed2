/** Uploads of 20 MB that break once near their end. The tests count the bytes that a push sends to each registry. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { plainProgress } from "oras-push/artifact/progress";
import { push } from "oras-push/artifact/push";
import { layerOf } from "oras-push/layer/layer";
import type { LayerSource } from "oras-push/layer/layer-source";
import { Transport } from "oras-push/oci/http/transport";
import { parseReference } from "oras-push/oci/reference";
import { Repository } from "oras-push/oci/repository";
import { noise } from "../support/noise.ts";
import { DISTRIBUTION_3, REGISTRIES, type RegistryKind, ZOT_EMULATION } from "../support/registries.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

const SIZE = 20e6;
/** The share of the blob that passes before the upload breaks. */
const BROKEN_AT = 0.95;
/** The bytes of an artifact besides its large blob, including the headers of a folder's archive. */
const OVERHEAD = 64 << 10;
/** The test assumes that the buffers of two connections hold at most this many bytes. */
const IN_FLIGHT = 4 << 20;

const [, distribution] = REGISTRIES as [RegistryKind, RegistryKind];

for (const [kind, resumes] of [
  [DISTRIBUTION_3, true],
  [distribution, false],
  [ZOT_EMULATION, false],
] as const)
  describe(`an upload to ${kind.name} that breaks near its end`, { skip: kind.skip }, () => {
    const folder = temporaryFolder({ after });
    let registry: Awaited<ReturnType<RegistryKind["start"]>>;
    let proxy: FaultProxy;
    before(async () => {
      mkdirSync(join(folder, "tree"));
      writeFileSync(join(folder, "tree", "noise"), noise(SIZE));
      writeFileSync(join(folder, "file"), noise(SIZE));
      writeFileSync(join(folder, "another-file"), noise(SIZE).reverse());
      registry = await kind.start(folder);
      proxy = await startFaultProxy(registry.address);
    });
    after(() => Promise.all([proxy?.close(), registry?.close()]));

    for (const [path, method, what] of [
      ["tree", "PATCH", "a folder that is sent while it is archived"],
      ["file", "PATCH", "a file that is sent while it is hashed, because no tag exists"],
      ["another-file", "PUT", "a file of known digest and size"],
    ] as const)
      it(`${resumes ? "sends only the rest" : "sends the whole blob again"}: ${what}`, async (t) => {
        const transport = new Transport(proxy.address, {
          credentials: async () => undefined,
          signal: new AbortController().signal,
          userAgent: "test",
          env: {},
          debug: () => {},
          warn: () => {},
        });
        t.after(() => transport.close());
        const name = `metric/${path}`;
        const target = new Repository(transport, name, "pull,push");
        const reference = parseReference(`${proxy.address}/${name}:1`);
        const layer = await layerOf({ path: join(folder, path) }, { level: 1, report: () => {} });
        const options = { concurrency: 1, noClobber: false, progress: plainProgress(() => {}) };
        const pushLayers = (layers: readonly LayerSource[]) =>
          push([{ store: target, references: [reference] }], layers, { annotations: {} }, options);
        if (method === "PUT") await pushLayers([]);
        proxy.plan({ index: 0, method, fault: "short request", at: BROKEN_AT });
        await pushLayers([layer]);
        assert.ok(proxy.struck);
        t.diagnostic(`${(proxy.received / 1e6).toFixed(1)} MB of bodies for a blob of ${SIZE / 1e6} MB`);
        // The proxy may have received bytes that did not reach the registry before the connection broke.
        const once = SIZE + IN_FLIGHT + OVERHEAD;
        if (resumes) assert.ok(proxy.received < once, `${proxy.received} bytes`);
        else assert.ok(proxy.received > SIZE * (1 + BROKEN_AT), `${proxy.received} bytes`);
      });
  });
