/**
 * Writes the admission policies in images/manifests/injection. They contain the rules of `oras-push inject`.
 *
 *   pnpm write-docs
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { ROOT } from "../support/paths.ts";
import { policies, withVersion } from "./policies/policies.ts";

/** The path of the policies, relative to the root of the repository. */
export const POLICIES = join("images", "manifests", "injection", "policies.yaml");

const INTRODUCTION = `# The admission policies of injection. \`pnpm write-docs\` writes this file: change the sources in scripts/policies and
# packages/oras-push/src/inject instead. README.md in this folder explains the four policies.
`;

/** The content of the file {@link POLICIES}. */
export function policiesFile(): string {
  const documents = policies().map((policy) => stringify(withVersion(policy), { lineWidth: 0 }));
  return `${INTRODUCTION}${documents.join("---\n")}`;
}

/** Writes the file {@link POLICIES}. */
export function writePolicies(): void {
  writeFileSync(join(ROOT, POLICIES), policiesFile());
}

if (import.meta.main) writePolicies();
