import { join } from "node:path";
import type { FailureCode } from "shared/cli/exit-codes";
import { describeError, ToolError } from "shared/cli/tool-error";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { type AnyReference, formatReference, isTag } from "../oci/reference.ts";
import { openStore } from "./open-store.ts";
import { pull } from "./pull.ts";
import { type PulledArtifact, pulledObject, type SkippedArtifact } from "./result.ts";
import { failedRunReason } from "./run-annotations.ts";
import type { TransferContext, TransferPlan } from "./transfer.ts";

/** Where to restore artifacts. */
export interface PullDestination {
  readonly folder: string;
  /** If true, an existing file makes the pull fail. If false, the pull overwrites the file. */
  readonly keepOldFiles: boolean;
}

/**
 * A function that checks an artifact's annotations before the artifact's layers are fetched. To refuse the artifact,
 * the function throws an error.
 */
export type CheckAnnotations = (reference: AnyReference, annotations: Annotations) => void;

/**
 * Pulls artifacts into one folder, one after the other. Calls `check` for each artifact before the layers of the
 * artifact are fetched.
 */
export async function pullArtifacts(
  references: readonly AnyReference[],
  destination: PullDestination,
  plan: TransferPlan,
  context: TransferContext,
  check?: CheckAnnotations,
): Promise<PulledArtifact[]> {
  const { progress, warn } = context;
  const options = { ...destination, concurrency: plan.concurrency, progress, warn };
  const pulled: PulledArtifact[] = [];
  for (const reference of references) {
    const store = await openStore(reference, "pull", plan, context);
    const checkThis = (annotations: Annotations) => check?.(reference, annotations);
    const result = await pull(store, formatReference(reference), pointerOf(reference), {
      ...options,
      check: checkThis,
    });
    pulled.push(pulledObject(reference, result));
  }
  return pulled;
}

/** The result of {@link pullAllTags}. */
export interface PulledTags {
  readonly pulled: readonly PulledArtifact[];
  /** Tags that could not be pulled, with their errors. */
  readonly skipped: readonly SkippedArtifact[];
}

/**
 * Pulls every tag of a repository or a layout. Each tag gets a separate folder. If a tag cannot be pulled, logs a
 * warning and skips the tag. Also pulls the outputs of failed runs, but warns about them. Throws `registry` if there
 * are no tags. If an error affects every tag, such as an unreachable registry or refused credentials, throws this error
 * instead of skipping the tag.
 */
export async function pullAllTags(
  repository: AnyReference,
  destination: PullDestination,
  plan: TransferPlan,
  context: TransferContext,
): Promise<PulledTags> {
  const store = await openStore(repository, "pull", plan, context);
  const tags = await store.listTags();
  const name = formatReference(repository);
  if (tags.length === 0)
    throw new ToolError("registry", `no artifact in ${name}`, { why: "the repository has no tags" });
  const pulled: PulledArtifact[] = [];
  const skipped: SkippedArtifact[] = [];
  for (const tag of tags) {
    const reference = { ...repository, tag };
    try {
      pulled.push(await pullTag(store, reference, tag, destination, plan, context));
    } catch (error) {
      if (!(error instanceof ToolError) || CONCERNS_ALL_TAGS.has(error.code)) throw error;
      const title = formatReference(reference);
      context.warn(`skipped ${title}: ${describeError(error)}`);
      skipped.push({ reference: title, failure: error });
    }
  }
  return { pulled, skipped };
}

/** The codes of errors that affect all tags, not only one tag. */
const CONCERNS_ALL_TAGS: ReadonlySet<FailureCode> = new Set(["unavailable", "notAuthorized"]);

async function pullTag(
  store: ArtifactStore,
  reference: AnyReference,
  tag: string,
  { folder, keepOldFiles }: PullDestination,
  { concurrency }: TransferPlan,
  { progress, warn }: TransferContext,
): Promise<PulledArtifact> {
  if (!isTag(tag)) throw new ToolError("registry", `the registry lists an invalid tag: ${JSON.stringify(tag)}`);
  const title = formatReference(reference);
  const check = (annotations: Annotations) => {
    const reason = failedRunReason(annotations);
    if (reason !== undefined) warn(`${title} is pulled, but ${reason}`);
  };
  const options = { folder: join(folder, tag), keepOldFiles, concurrency, progress, warn, check };
  return pulledObject(reference, await pull(store, title, tag, options));
}

/** Returns the name of a manifest within its repository. The name is a digest or a tag. */
function pointerOf({ tag, digest }: AnyReference): string {
  return digest ?? tag ?? "latest";
}
