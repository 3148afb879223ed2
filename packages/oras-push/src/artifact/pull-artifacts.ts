import { join } from "node:path";
import type { FailureCode } from "shared/cli/exit-codes";
import { describeError, ToolError } from "shared/cli/tool-error";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { type AnyReference, formatReference, isTag } from "../oci/reference.ts";
import { openStore } from "./open-store.ts";
import { findArtifact, pull } from "./pull.ts";
import { type PulledArtifact, pulledObject, type SkippedArtifact } from "./result.ts";
import { failedRunReason } from "./run-annotations.ts";
import type { ConnectionPlan, TransferContext, TransferPlan } from "./transfer.ts";

/** Where to restore artifacts. */
export interface PullDestination {
  readonly folder: string;
  /** Whether to fail if a file exists, instead of overwriting it. */
  readonly keepOldFiles: boolean;
}

/** Checks an artifact's annotations before its layers are fetched. Throws to refuse the artifact. */
export type CheckAnnotations = (reference: AnyReference, annotations: Annotations) => void;

/**
 * Returns a function that looks for artifacts and returns those that do not exist yet. Each call looks only for the
 * artifacts that earlier calls did not find. Calls `check` with the annotations of each found artifact.
 */
export async function missingArtifacts(
  references: readonly AnyReference[],
  plan: ConnectionPlan,
  context: TransferContext,
  check?: CheckAnnotations,
): Promise<() => Promise<readonly AnyReference[]>> {
  const open = async (reference: AnyReference) => ({
    reference,
    store: await openStore(reference, "pull", plan, context),
  });
  let missing = await Promise.all(references.map(open));
  return async () => {
    const stillMissing: typeof missing = [];
    for (const opened of missing) {
      const { store, reference } = opened;
      const checkThis = (annotations: Annotations) => check?.(reference, annotations);
      const found = await findArtifact(store, formatReference(reference), pointerOf(reference), checkThis);
      if (found === undefined) stillMissing.push(opened);
    }
    missing = stillMissing;
    return missing.map(({ reference }) => reference);
  };
}

/** Pulls artifacts into one folder, one after the other. Calls `check` before it fetches layers. */
export async function pullArtifacts(
  references: readonly AnyReference[],
  destination: PullDestination,
  plan: TransferPlan,
  context: TransferContext,
  check?: CheckAnnotations,
): Promise<PulledArtifact[]> {
  const options = { ...destination, concurrency: plan.concurrency, progress: context.progress };
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

/** The result of a pull of all tags. */
export interface PulledTags {
  readonly pulled: readonly PulledArtifact[];
  /** Tags that could not be pulled, with their errors. */
  readonly skipped: readonly SkippedArtifact[];
}

/**
 * Pulls every tag of a repository or a layout, each into a separate folder. Skips a tag that cannot be pulled, with a
 * warning. Also pulls the outputs of failed runs, with a warning. Throws `registry` if there are no tags. Also throws
 * any error that affects every tag: an unreachable registry, or refused credentials.
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
  if (tags.length === 0) throw new ToolError("registry", `no artifact in ${name}`, { why: "it has no tags" });
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

/** The codes of errors that also affect the next tag. */
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
  const options = { folder: join(folder, tag), keepOldFiles, concurrency, progress, check };
  return pulledObject(reference, await pull(store, title, tag, options));
}

/** The name of a manifest within its repository: a digest or a tag. */
function pointerOf({ tag, digest }: AnyReference): string {
  return digest ?? tag ?? "latest";
}
