import { describeError } from "shared/cli/tool-error";
import { shortDigest } from "../oci/digest.ts";
import { visibleText } from "./cells.ts";
import type { PruneResult } from "./prune.ts";
import { type PruneArtifact, referenceOf } from "./prune-plan.ts";

/** A line in the output of `prune`. */
interface Line {
  readonly action: "would delete" | "deleted" | "not deleted" | "kept";
  readonly artifact: PruneArtifact;
  readonly why: string;
}

/** Formats the result of `prune` as text for people, or as JSON with one line for each artifact. */
export function formatPrune(result: PruneResult, format: string): string {
  const lines = linesOf(result);
  if (format === "json") return lines.map((line) => `${JSON.stringify(lineObject(line))}\n`).join("");
  return `${lines.map(lineText).join("")}${summary(result)}\n`;
}

function linesOf({ plan, outcomes }: PruneResult): Line[] {
  const deletions: Line[] =
    outcomes === undefined
      ? plan.groups.flat().map(({ artifact, why }) => ({ action: "would delete", artifact, why }))
      : outcomes.map(({ artifact, why, failure }) =>
          failure === undefined
            ? { action: "deleted", artifact, why }
            : { action: "not deleted", artifact, why: describeError(failure) },
        );
  return [...deletions, ...plan.protected.map((one): Line => ({ action: "kept", ...one }))];
}

function lineObject({ action, artifact, why }: Line): Readonly<Record<string, unknown>> {
  const { repository, digest, tags, run } = artifact;
  return {
    action,
    reference: referenceOf(artifact),
    repository,
    digest,
    tags,
    state: run?.state,
    size: run?.size,
    why,
  };
}

function lineText({ action, artifact, why }: Line): string {
  const { tags, digest } = artifact;
  const also = tags.length > 1 ? ` (also ${tags.slice(1).join(", ")})` : "";
  return `${action.padEnd(12)}  ${referenceOf(artifact)}${also}  ${shortDigest(digest)}  ${visibleText(why)}\n`;
}

function summary({ plan, outcomes, ignored }: PruneResult): string {
  const kept = plan.protected.length;
  const nothing = plan.groups.length === 0 && kept === 0;
  const also = nothing ? ignoredText(ignored) : kept === 0 ? "" : `; kept ${kept} that other artifacts need`;
  if (outcomes === undefined) {
    const count = plan.groups.flat().length;
    const hint = count === 0 ? "" : "; to delete them, add --yes";
    return `would delete ${countOf(count)}${also}${hint}`;
  }
  const deleted = outcomes.filter(({ failure }) => failure === undefined).length;
  return `deleted ${deleted} of ${countOf(outcomes.length)}${also}`;
}

/** For each state, says how many artifacts were ignored. */
function ignoredText(ignored: PruneResult["ignored"]): string {
  if (ignored.size === 0) return "";
  const counts = [...ignored].map(([state, count]) => `${count} with the state ${state}`);
  return `; ignored ${counts.join(", ")}; see --state`;
}

/** The number of artifacts, in words. */
export function countOf(count: number): string {
  return count === 1 ? "1 artifact" : `${count} artifacts`;
}
