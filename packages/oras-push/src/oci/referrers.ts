import type { Digest } from "./digest.ts";
import type { Transport } from "./http/transport.ts";
import { manifestLinks } from "./manifest-links.ts";
import { MAX_MANIFEST_BYTES } from "./manifest-size.ts";
import { OCI_INDEX } from "./media-types.ts";
import { nextPage } from "./name-list.ts";

/** If a response has one of these status codes, the registry cannot list referrers. */
const UNSUPPORTED: readonly number[] = [400, 404, 405, 501];

/**
 * Lists the manifests whose subject is `digest` (distribution-spec, "Listing Referrers"). `path` is the path of the
 * repository. Returns undefined if the registry does not support this request.
 */
export async function listReferrers(
  transport: Transport,
  path: string,
  scope: string,
  digest: Digest,
): Promise<Digest[] | undefined> {
  const found: Digest[] = [];
  let target: string | URL | undefined = `${path}/referrers/${digest}`;
  while (target !== undefined) {
    const response = await transport.send({
      method: "GET",
      target,
      scope,
      expect: [200, ...UNSUPPORTED],
      headers: { accept: OCI_INDEX },
    });
    if (response.status !== 200 || !isIndex(response.header("content-type"))) {
      await response.discard();
      return undefined;
    }
    const page = manifestLinks(await response.bytes(MAX_MANIFEST_BYTES));
    found.push(...page.manifests.map((manifest) => manifest.digest));
    target = page.manifests.length === 0 ? undefined : nextPage(response.header("link"), response.url);
  }
  return found;
}

/**
 * Returns the tag of the index that lists the referrers of a digest. Clients create and update this index if the
 * registry cannot list referrers itself (distribution-spec, "Referrers Tag Schema").
 */
export function referrersTag(digest: Digest): string {
  return digest.replace(":", "-");
}

/**
 * Returns the digest in a tag like `sha256-...`. {@link referrersTag} creates such a tag. The tag can also have a
 * suffix, as the tags of signatures do: `sha256-....sig`. Returns undefined for any other tag.
 */
export function subjectOfTag(tag: string): Digest | undefined {
  const hex = /^sha256-([0-9a-f]{64})(?:\.\w+)?$/.exec(tag)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

function isIndex(contentType: string | undefined): boolean {
  return contentType?.split(";")[0]?.trim().toLowerCase() === OCI_INDEX;
}
