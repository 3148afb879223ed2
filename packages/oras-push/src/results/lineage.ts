import { describeError, ToolError } from "shared/cli/tool-error";
import { limiter, mapConcurrently } from "../artifact/concurrency.ts";
import type { TransferContext, TransferPlan } from "../artifact/transfer.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Digest } from "../oci/digest.ts";
import { ManifestError, type StoredManifest } from "../oci/manifest.ts";
import { type AnyReference, formatReference } from "../oci/reference.ts";
import { InputStores, parseInput } from "./input-stores.ts";
import { type Run, type RunInput, readLinks, readRun } from "./run.ts";

/**
 * What the tag of an input refers to today. `same`: the artifact that the run used. `moved`: a different artifact.
 * `gone`: the tag does not exist any more. `unknown`: the tag could not be read, or the run used the input without a
 * tag.
 */
export type TagState =
  | { readonly kind: "same" | "gone" | "unknown" }
  | { readonly kind: "moved"; readonly digest: Digest };

/** An input of an artifact. */
export interface LineageInput extends RunInput {
  readonly tag: TagState;
}

/** An artifact in a lineage. */
export interface LineageNode {
  /** The reference to the artifact. If the lineage contains several, this is the one that was read first. */
  readonly reference: string;
  readonly digest: Digest;
  /** The facts about the artifact. Undefined if the artifact cannot be read. */
  readonly run: Run | undefined;
  /** The reason why the artifact cannot be read. */
  readonly problem: string | undefined;
  readonly inputs: readonly LineageInput[];
}

/** An artifact and all artifacts that it was made from. */
export interface Lineage {
  readonly root: Digest;
  /** All artifacts. The root comes first, then the inputs of the root, and then the inputs of these inputs. */
  readonly nodes: ReadonlyMap<Digest, LineageNode>;
}

/** Which lineage to read. */
export interface LineagePlan extends TransferPlan {
  /** The reference of the artifact whose inputs are read. This reference has a tag or a digest. */
  readonly reference: AnyReference;
}

/**
 * Reads the inputs of an artifact, the inputs of these inputs, and so on. If an input cannot be read, the lineage
 * contains the input and the reason. Throws the error of the store if the artifact itself cannot be read.
 */
export async function readLineage(plan: LineagePlan, context: TransferContext): Promise<Lineage> {
  const { reference } = plan;
  const stores = new InputStores(reference, plan, context);
  const reader = new LineageReader(stores, plan.concurrency);
  const root = await (await stores.own()).fetchManifest(reference.digest ?? reference.tag ?? "");
  const name = formatReference(reference);
  if (root === undefined) throw new ToolError("registry", `no artifact ${name}`, { why: "not found" });
  return reader.readAll(name, root).catch((error: unknown) => {
    if (!(error instanceof ManifestError)) throw error;
    throw new ToolError("registry", `cannot read ${name}`, { why: error.message });
  });
}

class LineageReader {
  readonly #stores: InputStores;
  readonly #limit: ReturnType<typeof limiter>;
  readonly #concurrency: number;
  readonly #nodes = new Map<Digest, LineageNode>();

  constructor(stores: InputStores, concurrency: number) {
    this.#stores = stores;
    this.#concurrency = concurrency;
    this.#limit = limiter(concurrency);
  }

  async readAll(name: string, root: StoredManifest): Promise<Lineage> {
    const { digest } = root.descriptor;
    this.#nodes.set(digest, await this.#nodeOf(name, root));
    let level = this.#unread([digest]);
    while (level.length > 0) {
      const read = await mapConcurrently(level, this.#concurrency, (input) => this.#readNode(input));
      for (const node of read) this.#nodes.set(node.digest, node);
      level = this.#unread(level.map((input) => input.digest));
    }
    return { root: digest, nodes: this.#nodes };
  }

  /** Returns the inputs of the artifacts `digests`, except inputs that were already read. Each input occurs once. */
  #unread(digests: readonly Digest[]): readonly RunInput[] {
    const inputs = digests.flatMap((digest) => this.#nodes.get(digest)?.inputs ?? []);
    const unread = inputs.filter(({ digest }) => !this.#nodes.has(digest));
    return [...new Map(unread.toReversed().map((input) => [input.digest, input])).values()].toReversed();
  }

  async #readNode({ reference, digest }: RunInput): Promise<LineageNode> {
    const failed = (problem: string) => ({ reference, digest, run: undefined, problem, inputs: [] });
    try {
      const found = await this.#find(reference, digest);
      return found === undefined ? failed("not found") : await this.#nodeOf(reference, found.manifest);
    } catch (error) {
      if (error instanceof ToolError || error instanceof ManifestError) return failed(describeError(error));
      throw error;
    }
  }

  async #nodeOf(reference: string, manifest: StoredManifest): Promise<LineageNode> {
    const { digest } = manifest.descriptor;
    const run = readRun(manifest);
    const inputs = await mapConcurrently(readLinks(manifest).inputs, this.#concurrency, async (input) => ({
      ...input,
      tag: await this.#tagState(input),
    }));
    return { reference, digest, run, problem: undefined, inputs };
  }

  /**
   * Returns the manifest from the first store that has it. If no store has the manifest and at least one store failed,
   * throws the first failure. If no store has the manifest and no store failed, returns undefined.
   */
  async #find(
    reference: string,
    pointer: string,
  ): Promise<{ readonly manifest: StoredManifest; readonly store: ArtifactStore } | undefined> {
    const failures: unknown[] = [];
    for (const source of this.#stores.sourcesOf(parseInput(reference)))
      try {
        const store = await source.open();
        const manifest = await this.#limit(() => source.watch(() => store.fetchManifest(pointer)));
        if (manifest !== undefined) return { manifest, store };
      } catch (error) {
        failures.push(error);
      }
    if (failures.length > 0) throw failures[0];
    return undefined;
  }

  async #tagState({ reference, digest }: RunInput): Promise<TagState> {
    try {
      const { tag } = parseInput(reference);
      if (tag === undefined || !this.#stores.knowsTags) return { kind: "unknown" };
      const found = await this.#find(reference, tag);
      if (found === undefined) return { kind: "gone" };
      const now = found.manifest.descriptor.digest;
      return now === digest ? { kind: "same" } : { kind: "moved", digest: now };
    } catch (error) {
      if (error instanceof ToolError) return { kind: "unknown" };
      throw error;
    }
  }
}
