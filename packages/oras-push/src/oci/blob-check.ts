import type { BlobInfo } from "./artifact-store.ts";
import type { RegistryRequest, RegistryResponse } from "./http/message.ts";
import type { Transport } from "./http/transport.ts";

/** A blob whose size may be unknown. */
export type WantedBlob = Pick<BlobInfo, "digest"> & Partial<BlobInfo>;

/** A registry that does not support HEAD returns one of these statuses. */
const NO_HEAD: ReadonlySet<number> = new Set([405, 501]);

/**
 * Whether a registry has a blob (distribution-spec, "Checking if content exists in the registry"). `path` is the path
 * of the repository. Sends a HEAD request. If the registry does not support HEAD, this function sends a GET request for
 * the first byte of the blob. {@link proves} checks each successful response, because any web server can send the
 * status 200. `retry` says whether the transport retries a failed request.
 */
export async function hasBlob(
  transport: Transport,
  path: string,
  scope: string,
  blob: WantedBlob,
  retry: boolean = true,
): Promise<boolean> {
  const request = { method: "HEAD", target: `${path}/blobs/${blob.digest}`, scope, retry } as const;
  const head = await transport.send({ ...request, expect: [200, 404, ...NO_HEAD] });
  await head.discard();
  if (!NO_HEAD.has(head.status)) return head.status === 200 && proves(head, head.header("content-length"), blob);
  return hasFirstByte(transport, { ...request, method: "GET", expect: [200, 206, 404, 416, ...NO_HEAD] }, blob);
}

async function hasFirstByte(transport: Transport, request: RegistryRequest, blob: WantedBlob): Promise<boolean> {
  const response = await transport.send({ ...request, headers: { range: "bytes=0-0" } });
  await response.discard();
  if (response.status === 200) return proves(response, response.header("content-length"), blob);
  const total = /^bytes 0-0\/(\d+)$/.exec(response.header("content-range") ?? "")?.[1];
  return response.status === 206 && proves(response, total, blob);
}

/**
 * Whether a response proves that the registry has the blob. If the response has a digest header, this function compares
 * the digests. Otherwise, it compares the sizes if the blob's size is known. If neither comparison is possible, any
 * response except a web page is a proof.
 */
function proves(response: RegistryResponse, length: string | undefined, { digest, size }: WantedBlob): boolean {
  const named = response.header("docker-content-digest");
  if (named !== undefined) return named === digest;
  if (size !== undefined) return length !== undefined && Number(length) === size;
  return !isWebPage(response);
}

/** Whether a response is a web page. A registry never sends a web page as a blob or manifest. */
export function isWebPage(response: RegistryResponse): boolean {
  return /^\s*text\/html\b/i.test(response.header("content-type") ?? "");
}
