/**
 * Many concurrent pushes to one repository, with every registry. Some registries cannot find a blob for a short time
 * while another push sends the same blob again.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { EMPTY_CONTENT, EMPTY_DESCRIPTOR } from "oras-push/oci/descriptor";
import { DEFAULT_RETRY } from "oras-push/oci/http/retry";
import { buildManifest } from "oras-push/oci/manifest";
import { digestOf } from "oras-push/oci/meter";
import { repositoryAt } from "../oras-push/support.ts";
import { REGISTRIES } from "../support/registries.ts";
import { temporaryFolder } from "../support/temporary.ts";

const AT_ONCE = 50;
const ROUNDS = 10;

for (const kind of REGISTRIES)
  describe(`${AT_ONCE} concurrent pushes to ${kind.name}`, { skip: kind.skip }, () => {
    const folder = temporaryFolder({ after });
    let registry: Awaited<ReturnType<typeof kind.start>>;
    before(async () => {
      registry = await kind.start(folder);
    });
    after(() => registry.close());

    it("all succeed, although each sends the same config blob", async (t) => {
      const retries: string[] = [];
      const warn = (line: string) => void retries.push(line);
      const repository = repositoryAt(t, registry.address, { retry: DEFAULT_RETRY, warn });
      const push = async (tag: string) => {
        const bytes = Buffer.from(tag);
        const layer = { mediaType: "text/plain", digest: digestOf(bytes), size: bytes.length };
        await Promise.all([
          repository.pushBlob(EMPTY_CONTENT, EMPTY_DESCRIPTOR.digest),
          repository.pushBlob(bytes, layer.digest),
        ]);
        await repository.pushManifest(buildManifest({ layers: [layer], annotations: {} }), tag);
      };
      for (let round = 0; round < ROUNDS; round++)
        await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => push(`${round}-${index}`)));
      assert.equal((await repository.listTags()).length, ROUNDS * AT_ONCE);
      t.diagnostic(`${kind.name}: ${retries.length} retries in ${ROUNDS * AT_ONCE} pushes`);
    });
  });
