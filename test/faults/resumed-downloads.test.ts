/** A pull from each registry must resume a download that breaks in the middle, and must restore the right bytes. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { runTool } from "../../support/tools.ts";
import { noise } from "../support/noise.ts";
import { REGISTRIES } from "../support/registries.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { startFaultProxy } from "./fault-proxy.ts";

describe("a download that breaks in the middle", () => {
  const folder = temporaryFolder({ after });
  const content = noise(5e6);
  writeFileSync(join(folder, "large"), content);

  for (const [index, kind] of REGISTRIES.entries())
    it(`is resumed: ${kind.name}`, { skip: kind.skip }, async (t) => {
      const registry = await kind.start(join(folder, String(index)));
      t.after(() => registry.close());
      const pushed = await runTool("oras-push", [`${registry.address}/metric/run:1`, "large"], { cwd: folder });
      assert.equal(pushed.code, 0, pushed.stderr);
      const proxy = await startFaultProxy(registry.address);
      t.after(() => proxy.close());
      proxy.plan({ index: 1, fault: "short response", at: 0.5 });
      const args = ["pull", `${proxy.address}/metric/run:1`, "-o", `back-${index}`];
      const pulled = await runTool("oras-push", args, { cwd: folder });
      assert.equal(pulled.code, 0, pulled.stderr);
      assert.ok(proxy.struck);
      assert.ok(readFileSync(join(folder, `back-${index}`, "large")).equals(content));
    });
});
