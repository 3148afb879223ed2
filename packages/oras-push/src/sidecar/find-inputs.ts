import { matchesGlob } from "node:path";
import type { Log } from "shared/cli/log";
import { ToolError } from "shared/cli/tool-error";
import { mapConcurrently } from "../artifact/concurrency.ts";
import { openStore } from "../artifact/open-store.ts";
import { findArtifact, type PullSource } from "../artifact/pull.ts";
import { failedRunReason } from "../artifact/run-annotations.ts";
import type { TransferContext } from "../artifact/transfer.ts";
import { ANNOTATIONS } from "../oci/annotations.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Annotations } from "../oci/descriptor.ts";
import type { StoredManifest } from "../oci/manifest.ts";
import { formatReference, isTag, type Reference } from "../oci/reference.ts";
import { formatInput, type InputReference, isTagPattern, type TagPattern } from "../oci/tag-pattern.ts";
import { isRunSuffixed } from "./run-outcome.ts";
import type { FoundInput } from "./sidecar-context.ts";
import type { SidecarPlan } from "./sidecar-plan.ts";

/**
 * The search for inputs keeps manifests in memory, up to this total size in bytes. The pull of the inputs must download
 * all other manifests a second time.
 */
const KEPT_BYTES = 4 * 1024 * 1024;

/**
 * Searches the registry for the inputs of a step. A search can be repeated. A repeated search skips the inputs that an
 * earlier search found. The search keeps manifests for the pull, up to {@link KEPT_BYTES} in total.
 */
export class InputSearch {
  readonly #plan: SidecarPlan;
  readonly #context: TransferContext;
  readonly #stores: ReadonlyMap<InputReference, ArtifactStore>;
  readonly #found = new Map<string, FoundInput>();
  readonly #refused = new Set<string>();
  #keptBytes = 0;

  private constructor(plan: SidecarPlan, context: TransferContext, stores: ReadonlyMap<InputReference, ArtifactStore>) {
    this.#plan = plan;
    this.#context = context;
    this.#stores = stores;
  }

  /** Opens the repositories of the plan's inputs. This function sends no request. */
  static async open(plan: SidecarPlan, context: TransferContext): Promise<InputSearch> {
    const open = async (source: InputReference) => {
      const reference = isTagPattern(source) ? { ...source, tag: undefined, digest: undefined } : source;
      return [source, await openStore(reference, "pull", plan, context)] as const;
    };
    return new InputSearch(plan, context, new Map(await Promise.all(plan.pullFrom.map(open))));
  }

  /**
   * Searches once, and returns the names of the inputs that are still missing. Throws `noInput` if an input without a
   * pattern is the output of an unsuccessful run, unless the plan accepts such inputs.
   */
  async missing(): Promise<string[]> {
    for (const [source, store] of this.#stores)
      if (isTagPattern(source)) await this.#findTags(source, store);
      else await this.#findReference(source, store);
    return [...this.#missingReferences(), ...this.#missingTags()];
  }

  /**
   * Returns the inputs that exist, in the order of the command line. Tags that match the same pattern are sorted by
   * name. Throws `noInput` if two inputs would get the same subfolder.
   */
  found(): FoundInput[] {
    const found = this.#plan.pullFrom.flatMap((source) => this.#inputsOf(source));
    // If two patterns match the same tag, `found` contains the same input twice. `inputs` contains it only once,
    // because the second call of `delete` for this input returns false.
    const tagged = new Set(found.filter(({ subfolder }) => subfolder !== undefined));
    const inputs = found.filter((input) => input.subfolder === undefined || tagged.delete(input));
    checkSubfolders(inputs);
    return inputs;
  }

  async #findReference(reference: Reference, store: ArtifactStore): Promise<void> {
    const name = formatReference(reference);
    if (this.#found.has(name)) return;
    const check = this.#plan.allowFailedInputs ? undefined : (found: Annotations) => refuseFailedRun(name, found);
    const pointer = reference.digest ?? reference.tag ?? "latest";
    const artifact = await findArtifact(store, name, pointer, check);
    if (artifact === undefined) return;
    this.#add(name, reference, undefined, artifact.manifest, store);
  }

  async #findTags(source: TagPattern, store: ArtifactStore): Promise<void> {
    const tags = matchingTags(await store.listTags(), source.pattern);
    const references = tags.map((tag) => referenceOf(source, tag));
    const unknown = references.filter((reference) => !this.#found.has(taggedName(reference)));
    await mapConcurrently(unknown, this.#plan.concurrency, (reference) => this.#examine(reference, store));
  }

  /** Adds the artifact of a tag to the found inputs. Skips the output of an unsuccessful run. */
  async #examine(reference: Reference, store: ArtifactStore): Promise<void> {
    const name = formatReference(reference);
    const found = await findArtifact(store, name, reference.tag ?? "", undefined);
    // Skips an image, because the artifact with the same files has a tag of its own.
    if (found === undefined || found.artifact.annotations[ANNOTATIONS.imageOf] !== undefined) return;
    const reason = failedRunReason(found.artifact.annotations);
    if (reason !== undefined) return this.#refuse(name, reason, this.#context.warn);
    this.#add(taggedName(reference), reference, reference.tag, found.manifest, store);
  }

  #add(
    key: string,
    reference: Reference,
    subfolder: string | undefined,
    manifest: StoredManifest,
    store: ArtifactStore,
  ): void {
    const isKept = this.#keptBytes + manifest.bytes.length <= KEPT_BYTES;
    if (isKept) this.#keptBytes += manifest.bytes.length;
    const kept: PullSource = {
      fetchManifest: async () => manifest,
      fetchBlob: (...args) => store.fetchBlob(...args),
    };
    const { digest } = manifest.descriptor;
    this.#found.set(key, { reference, digest, subfolder, source: isKept ? kept : store });
  }

  #refuse(name: string, reason: string, warn: Log): void {
    if (!this.#refused.has(name)) warn(`skipped the input ${name}: ${reason}`);
    this.#refused.add(name);
  }

  #missingReferences(): string[] {
    const references = this.#plan.pullFrom.filter((source) => !isTagPattern(source));
    return references.map(formatInput).filter((name) => !this.#found.has(name));
  }

  #missingTags(): string[] {
    const { pullFrom, inputCount } = this.#plan;
    const patterns = pullFrom.filter(isTagPattern);
    if (inputCount === undefined)
      return patterns.filter((pattern) => this.#inputsOf(pattern).length === 0).map(formatInput);
    const count = new Set(patterns.flatMap((pattern) => this.#inputsOf(pattern))).size;
    if (count >= inputCount) return [];
    return [`${patterns.map(formatInput).join(" ")} (found ${count} of ${inputCount} tags)`];
  }

  #inputsOf(source: InputReference): FoundInput[] {
    if (!isTagPattern(source)) return [this.#found.get(formatReference(source))].filter((one) => one !== undefined);
    const { registry, repository, pattern } = source;
    return [...this.#found.values()]
      .filter(({ reference, subfolder }) => subfolder !== undefined && isIn(reference, registry, repository))
      .filter(({ subfolder = "" }) => matchesGlob(subfolder, pattern))
      .sort((one, other) => compare(one.subfolder ?? "", other.subfolder ?? ""));
  }
}

/**
 * Returns the tags that match a pattern. Tags of failed runs, incomplete runs and checkpoints never match. This
 * function is pure.
 */
export function matchingTags(tags: readonly string[], pattern: string): string[] {
  return tags.filter((tag) => isTag(tag) && !isRunSuffixed(tag) && matchesGlob(tag, pattern));
}

function refuseFailedRun(name: string, annotations: Annotations): void {
  const why = failedRunReason(annotations);
  if (why === undefined) return;
  const hint = "use --allow-failed-inputs to accept this input";
  throw new ToolError("noInput", `${name} cannot be used as an input`, { why, hint });
}

function checkSubfolders(found: readonly FoundInput[]): void {
  const bySubfolder = new Map<string, FoundInput>();
  for (const input of found) {
    if (input.subfolder === undefined) continue;
    const other = bySubfolder.get(input.subfolder);
    if (other !== undefined)
      throw new ToolError("noInput", `two inputs have the tag ${input.subfolder}`, {
        why: `${formatReference(other.reference)}, ${formatReference(input.reference)}`,
        hint: "let all patterns name the same repository, or use patterns that match different tags",
      });
    bySubfolder.set(input.subfolder, input);
  }
}

/**
 * Returns the key of an input that a pattern matched: the reference and ` by pattern`. If the plan names an input
 * directly, the key of this input is the reference alone.
 */
function taggedName(reference: Reference): string {
  return `${formatReference(reference)} by pattern`;
}

function referenceOf({ registry, repository }: TagPattern, tag: string): Reference {
  return { registry, repository, tag, digest: undefined };
}

function isIn(reference: Reference, registry: string, repository: string): boolean {
  return reference.registry === registry && reference.repository === repository;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
