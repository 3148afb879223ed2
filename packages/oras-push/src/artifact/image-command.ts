import { ToolError } from "shared/cli/tool-error";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { isDigest } from "../oci/digest.ts";
import { parseImageReference } from "../oci/image-reference.ts";
import { DOCKER_INDEX, OCI_INDEX } from "../oci/media-types.ts";
import { digestOf } from "../oci/meter.ts";
import { type Reference, ReferenceSyntaxError } from "../oci/reference.ts";
import { openStore } from "./open-store.ts";
import type { ConnectionPlan, TransferContext } from "./transfer.ts";

/** The entrypoint and the default arguments of an image (image-spec, config.md, `Entrypoint` and `Cmd`). */
export interface ImageCommand {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
}

/** The maximum size of an image's configuration, in bytes. */
const MAX_CONFIG_BYTES = 4 << 20;

interface IndexEntry extends Descriptor {
  readonly platform?: { readonly os?: string; readonly architecture?: string };
}

/**
 * Reads the entrypoint and the default arguments of an image from its registry. If the name stands for images for
 * several platforms, uses a Linux image, preferably for the architecture of this machine. Throws `usage` if the name is
 * invalid. Throws `noInput` if the registry does not have the image. If a request fails, throws the error of the
 * request.
 */
export async function readImageCommand(
  name: string,
  plan: ConnectionPlan,
  context: TransferContext,
): Promise<ImageCommand> {
  const reference = imageReference(name);
  const store = await openStore(reference, "pull", plan, context);
  const manifest = await fetchJson(store, reference.digest ?? reference.tag ?? "latest", name);
  const image = isIndex(manifest) ? await fetchJson(store, linuxImage(manifest, name), name) : manifest;
  const { config } = (await fetchConfig(store, (image as { config: Descriptor }).config, name)) as {
    config?: { Entrypoint?: string[] | null; Cmd?: string[] | null };
  };
  return { entrypoint: config?.Entrypoint ?? [], cmd: config?.Cmd ?? [] };
}

function imageReference(name: string): Reference {
  try {
    return parseImageReference(name);
  } catch (error) {
    if (!(error instanceof ReferenceSyntaxError)) throw error;
    throw new ToolError("usage", `${JSON.stringify(name)} is not the name of an image`, { why: error.message });
  }
}

function isIndex(manifest: unknown): manifest is { readonly manifests: readonly IndexEntry[] } {
  const { mediaType, manifests } = manifest as { mediaType?: unknown; manifests?: unknown };
  return Array.isArray(manifests) && (mediaType === undefined || mediaType === OCI_INDEX || mediaType === DOCKER_INDEX);
}

/** Returns the digest of the Linux image in an index. */
function linuxImage({ manifests }: { readonly manifests: readonly IndexEntry[] }, name: string): string {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const linux = manifests.filter(({ platform }) => platform?.os === "linux");
  const found = linux.find(({ platform }) => platform?.architecture === architecture) ?? linux[0];
  if (found === undefined) throw unreadableImage(name, "the image index has no image for Linux");
  return found.digest;
}

async function fetchJson(store: ArtifactStore, reference: string, name: string): Promise<unknown> {
  const stored = await store.fetchManifest(reference);
  if (stored === undefined)
    throw new ToolError("noInput", `cannot read the image ${name}`, { why: "it does not exist" });
  return parseJson(stored.bytes, name);
}

async function fetchConfig(store: ArtifactStore, config: Descriptor | undefined, name: string): Promise<unknown> {
  if (config === undefined || !isDigest(config.digest) || !(config.size <= MAX_CONFIG_BYTES))
    throw unreadableImage(name, "its manifest has no configuration of a normal size");
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of store.fetchBlob(config)) {
    size += chunk.length;
    if (size > config.size) break;
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (digestOf(bytes) !== config.digest) throw unreadableImage(name, "the registry returned a wrong configuration");
  return parseJson(bytes, name);
}

function parseJson(bytes: Buffer, name: string): unknown {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // The error below is more helpful than the parser's error, which only names the position of a wrong character.
  }
  throw unreadableImage(name, "the registry returned no JSON object");
}

function unreadableImage(name: string, why: string): ToolError {
  return new ToolError("registry", `cannot read the image ${name}`, { why });
}
